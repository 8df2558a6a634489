/** An exception of the caller's own callback is the page's to report. It does not end the run. */
export function reporting<T>(listener: ((value: T) => void) | undefined): ((value: T) => void) | undefined {
  if (listener === undefined) return undefined;
  return (value) => {
    try {
      listener(value);
    } catch (error) {
      reportError(error);
    }
  };
}
