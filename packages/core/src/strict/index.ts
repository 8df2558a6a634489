export * from './readers.ts';
export { fieldPath, refusal, required, show, wrongType } from './refusal.ts';
