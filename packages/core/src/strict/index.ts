export * from './readers.ts';
export { refusal, required, show, wrongType } from './refusal.ts';
