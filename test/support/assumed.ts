/** What `convert` says of a model with guidance that nobody has named. */
export const ASSUMED =
  'assumed: taken from FLUX.1 [dev] SRPO: the name, the licence, the default of 28 steps with guidance 4.5, the default of 512 tokens\n';
