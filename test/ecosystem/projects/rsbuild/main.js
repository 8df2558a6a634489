import { createFluxSrpo } from 'flux-srpo';

const flux = createFluxSrpo({ model: './models/tiny/', allowWasm: true });
const prompt = 'a red house on the left in a meadow, on a sunny day';
const { data } = await flux.images.generate({ prompt });
document.querySelector('img').src = data[0].url;
