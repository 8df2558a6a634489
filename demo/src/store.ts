import type { State } from './state.ts';

/** The page's one state. Whoever changes it says what changes. */
export interface Store {
  readonly state: State;
  /** Changes it and renders. */
  set(change: Partial<State>): void;
  /** Changes it and renders soon: progress comes faster than anybody sees. */
  setSoon(change: Partial<State>): void;
}

/** Milliseconds between two renders of progress, also in a hidden tab, whose title changes. */
const FRAME_MS = 30;

export function createStore(first: State, render: (state: State) => void): Store {
  let state = first;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const renderNow = (): void => {
    clearTimeout(timer);
    timer = undefined;
    render(state);
  };
  return {
    get state() {
      return state;
    },
    set(change) {
      state = { ...state, ...change };
      renderNow();
    },
    setSoon(change) {
      state = { ...state, ...change };
      timer ??= setTimeout(renderNow, FRAME_MS);
    },
  };
}
