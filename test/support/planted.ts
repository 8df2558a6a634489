import type { Backend, GeneratedImage, Stage } from '@flux-srpo/runtime';

/**
 * The real backend, but the VAE's results are replaced by `pictures`, one after another and from
 * the first again.
 */
export function planted(backend: Backend, pictures: readonly GeneratedImage[]): Backend {
  let next = 0;
  const plant = (stage: Stage): Stage => ({
    ...stage,
    async read(tensor) {
      const values = await stage.read(tensor);
      const picture = pictures[next++ % pictures.length] as GeneratedImage;
      if (values.length !== picture.rgb.length) throw new Error(`${values.length} values are not the planted picture`);
      return planar(picture);
    },
  });
  return {
    ...backend,
    async openStage(label, on) {
      const stage = await backend.openStage(label, on);
      return label === 'decode' ? plant(stage) : stage;
    },
  };
}

/** [H, W, 3] bytes as the VAE's [3, H, W] in [−1, 1]. */
function planar({ rgb }: GeneratedImage): Float32Array {
  const plane = rgb.length / 3;
  return Float32Array.from({ length: rgb.length }, (_, i) => {
    const byte = rgb[(i % plane) * 3 + Math.floor(i / plane)] as number;
    return (byte / 255) * 2 - 1;
  });
}
