import type { UnusedTensor } from '../key-maps/binding.ts';
import type { Component } from '../key-maps/namings.ts';
import type { Checkpoint } from '../sources/checkpoint.ts';

/** Tensors that no slot could use: companions of others, and tensors of unneeded networks. */
export function unboundTensors(checkpoints: Readonly<Record<Component, Checkpoint>>): UnusedTensor[] {
  const all = Object.values(checkpoints);
  return all.flatMap(({ component, files, companions, foreign }, i) => {
    const users = all.filter((other) => other.files.some((file) => files.includes(file)));
    const isFirst = all.findIndex((other) => users.includes(other)) === i;
    const rest = isFirst ? foreign.filter((name) => !users.some(({ prefix }) => name.startsWith(prefix))) : [];
    return [
      ...companions.map(({ tensor, reason }) => ({ component, tensor, reason })),
      ...rest.map((tensor) => ({ component, tensor, reason: 'belongs to a network that the file was not given for' })),
    ];
  });
}
