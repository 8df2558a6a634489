/** What the page reads of its own address. */

const query = new URLSearchParams(location.search);

/** The embedded model's, which lies beside the page. */
export const EMBEDDED = new URL('./models/tiny/', document.baseURI).href;

/** `?backend=wasm|webgpu` chooses what computes. */
export const BACKEND = oneOf(query.get('backend'), ['wasm', 'webgpu']) ?? 'auto';

/** `?threads=2`: those of wasm, where the page is isolated (`npm start -- --isolate`). */
export const THREADS = Number(query.get('threads')) || 1;

/** `?hub=<origin>` names a mirror of the hub. Forms show it, because tokens are sent to it. */
export const HUB = query.get('hub') ?? 'https://huggingface.co';

/** `?model=opfs:<id>` opens an imported model. */
export function modelOfAddress(): string {
  const model = query.get('model') ?? '';
  return /^opfs:[\w.-]{1,64}$/.test(model) ? model : EMBEDDED;
}

/** Puts the model into the address, so that a reload opens it again. */
export function showInAddress(model: string): void {
  const url = new URL(location.href);
  // A folder of the disk can be read again after a click only.
  if (model.startsWith('opfs:')) url.searchParams.set('model', model);
  else url.searchParams.delete('model');
  history.replaceState(null, '', url);
}

/** This page, with the model of its address on the CPU. */
export function onCpu(): string {
  const url = new URL(location.href);
  url.searchParams.set('backend', 'wasm');
  return url.href;
}

function oneOf<Value extends string>(value: string | null, values: readonly Value[]): Value | undefined {
  return values.find((each) => each === value);
}
