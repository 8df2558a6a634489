import { messageOf } from './runner.ts';
import { modelOf, type State } from './state.ts';

/** What to tell when something is wrong: this machine and the last picture, without its prompt. */
export function reportOf(state: State): string {
  const { stage, probe, outcome } = state;
  const error = stage.at === 'failed' ? stage.error : outcome.error;
  const { timings, memory } = lastPicture(state) ?? {};
  const model = modelOf(stage);
  const facts = { model: model?.model, backend: model?.backend, compute: model?.compute, timings, memory };
  return [
    // Without the hash, which may hold a prompt.
    location.href.replace(/#.*/, ''),
    navigator.userAgent,
    ...(error === undefined ? [] : [messageOf(error)]),
    ...Object.entries(facts).flatMap(([name, fact]) =>
      fact === undefined ? [] : [`${name}: ${JSON.stringify(fact)}`],
    ),
    probe?.summary ?? '',
  ].join('\n');
}

/** The picture that is shown, else the newest. */
export function lastPicture({ shown, gallery }: State) {
  return shown[0] ?? gallery.pictures[0];
}
