import { createFluxSrpo } from 'flux-srpo';

const flux = createFluxSrpo({ model: './models/tiny/', allowWasm: true });

const { prompt, draw, cancel } = document.forms[0].elements;
const [progress, status, picture] = document.querySelectorAll('progress, p, img');

document.forms[0].onsubmit = async (event) => {
  event.preventDefault();
  const controller = new AbortController();
  const { signal } = controller;
  cancel.onclick = () => controller.abort();
  draw.disabled = true;
  const onProgress = ({ fraction, text }) => {
    progress.value = fraction;
    status.textContent = text;
  };
  try {
    const { data } = await flux.images.generate({ prompt: prompt.value }, { signal, onProgress });
    URL.revokeObjectURL(picture.src);
    picture.src = data[0].url;
    status.textContent = 'Done.';
  } catch (error) {
    status.textContent = signal.aborted ? 'Cancelled.' : error.message;
  }
  draw.disabled = false;
};
