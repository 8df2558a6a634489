import { COMPONENTS, type Component, markersOf, type TensorShapes } from '../key-maps/namings.ts';
import type { TensorStore } from './tensor-store.ts';

/** What files of several networks put before each one's names. Plain names are tried first. */
const PREFIXES: Readonly<Record<Component, readonly string[]>> = {
  transformer: ['', 'model.diffusion_model.', 'diffusion_model.', 'transformer.'],
  text_encoder: ['', 'text_encoders.clip_l.transformer.'],
  text_encoder_2: ['', 'text_encoders.t5xxl.transformer.'],
  vae: ['', 'vae.', 'first_stage_model.'],
};

/** The prefix under which a file holds `component`; empty where it shows no sign of it. */
export function findPrefix(component: Component, tensors: TensorShapes): string {
  return prefixOf(component, tensors) ?? '';
}

/** The networks in a file, told by their marker tensors. */
export function networksIn(tensors: TensorShapes): Component[] {
  return COMPONENTS.filter((component) => prefixOf(component, tensors) !== undefined);
}

function prefixOf(component: Component, tensors: TensorShapes): string | undefined {
  const markers = markersOf(component);
  return PREFIXES[component].find((prefix) => markers.some((marker) => tensors.has(prefix + marker)));
}

/** The tensors whose names begin with `prefix`, under their names without it. */
export function underPrefix(store: TensorStore, prefix: string): TensorStore {
  if (prefix === '') return store;
  const own = [...store.tensors].filter(([name]) => name.startsWith(prefix));
  return {
    ...store,
    tensors: new Map(own.map(([name, tensor]) => [name.slice(prefix.length), tensor])),
    unreadable: (name) => store.unreadable(prefix + name),
    roundable: (name) => store.roundable(prefix + name),
    readNumbers: (name, ...range) => store.readNumbers(prefix + name, ...range),
    ...(store.blocks && {
      blocks: {
        typeOf: (name) => store.blocks!.typeOf(prefix + name),
        read: (name, start, end, signal) => store.blocks!.read(prefix + name, start, end, signal),
      },
    }),
    readBytes: (name, signal) => store.readBytes(prefix + name, signal),
  };
}
