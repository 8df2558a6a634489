import type { Stage } from './backend.ts';

/** The open stages of one backend, so that the backend can close what its user did not. */
export interface Stages {
  /** Adds a stage until it closes. */
  add(stage: Stage): Stage;
  closeAll(): Promise<void>;
}

export function createStages(): Stages {
  const open = new Set<Stage>();
  return {
    add(stage) {
      const tracked: Stage = {
        ...stage,
        close: () => {
          open.delete(tracked);
          return stage.close();
        },
      };
      open.add(tracked);
      return tracked;
    },
    async closeAll() {
      await Promise.all([...open].map((stage) => stage.close()));
    },
  };
}
