/** What a text encoder runs on. */
export interface EncoderInputs<Config> {
  config: Config;
  /** [S] padded token ids. */
  ids: readonly number[];
  /** Called after each layer that has run. */
  onLayer: () => void;
}
