import { createFluxSrpo } from 'flux-srpo';
import { useState } from 'react';

const flux = createFluxSrpo({ model: './models/tiny/', allowWasm: true });

export function Maker() {
  const [prompt, setPrompt] = useState('a red house on the left in a meadow, on a sunny day');
  const [run, setRun] = useState();
  const [status, setStatus] = useState({ fraction: 0, text: '' });
  const [picture, setPicture] = useState();

  async function draw(event) {
    event.preventDefault();
    const controller = new AbortController();
    setRun(controller);
    try {
      const { data } = await flux.images.generate({ prompt }, { signal: controller.signal, onProgress: setStatus });
      if (picture) URL.revokeObjectURL(picture.url);
      setPicture({ url: data[0].url, prompt });
      setStatus({ fraction: 1, text: 'Done.' });
    } catch (error) {
      setStatus({ fraction: 0, text: controller.signal.aborted ? 'Cancelled.' : error.message });
    }
    setRun();
  }
  return (
    <form onSubmit={draw}>
      <input aria-label="Prompt" size="50" value={prompt} onChange={({ target }) => setPrompt(target.value)} />
      <button type="submit" disabled={run}>
        Draw
      </button>
      <button type="button" disabled={!run} onClick={() => run.abort()}>
        Cancel
      </button>
      <progress value={status.fraction} aria-label="Progress" />
      <p role="status">{status.text}</p>
      {picture && <img src={picture.url} alt={picture.prompt} />}
    </form>
  );
}
