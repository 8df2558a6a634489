'use client';

import { createFluxSrpo } from 'flux-srpo';
import { useEffect, useState } from 'react';

// basePath of next.config.js, then the path in public/.
const flux = createFluxSrpo({ model: '/sub/models/tiny/', allowWasm: true });
const prompt = 'a red house on the left in a meadow, on a sunny day';

export default function Page() {
  const [url, setUrl] = useState();
  useEffect(() => {
    void flux.images.generate({ prompt }).then(({ data }) => setUrl(data[0].url));
  }, []);
  return <main>{url ? <img src={url} alt={prompt} /> : 'Drawing…'}</main>;
}
