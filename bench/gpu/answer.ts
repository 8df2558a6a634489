import { FLUX1_DEV } from '@flux-srpo/core';
import { createWebGpuBackend, memoryVerdictStore, probeAdapter } from '@flux-srpo/runtime';
import { installDawn } from '@flux-srpo/runtime/node';
import { answerCeiling } from './answer-ceiling.ts';
import { answerModel } from './answer-model.ts';
import { answerPicture } from './answer-picture.ts';
import type { Question, Rung, Tell } from './questions.ts';
import { SMALL, writeSharedModel } from './shared-model.ts';

/**
 * Answers one question, line by line.
 *
 * @param folder of the unpacked files
 */
export async function answer(question: Question, folder: URL, tell: Tell): Promise<void> {
  if (question.ask === 'weights') {
    const { dtype, isSmall, folder: out } = question;
    await writeSharedModel(isSmall ? SMALL : FLUX1_DEV, dtype, out);
    tell({ what: 'weights', dtype, seconds: performance.now() / 1000 });
    return;
  }
  await installDawn();
  if (question.ask === 'adapter') tell({ what: 'adapter', ...(await probeAdapter()) });
  if (question.ask === 'self-test') await answerSelfTest(question.highestRung, tell);
  if (question.ask === 'ceiling') await answerCeiling(question.size, tell);
  if (question.ask === 'picture') {
    const { ask: _, ...kernels } = question;
    await answerPicture(kernels, folder, tell);
  }
  if (question.ask === 'model') await answerModel(question, tell);
}

async function answerSelfTest(highestRung: Rung | undefined, tell: Tell): Promise<void> {
  const started = performance.now();
  const { info } = await createWebGpuBackend({
    selfTest: { store: memoryVerdictStore() },
    ...(highestRung === undefined ? {} : { highestRung }),
  });
  const { precision, runtimeVersion, build, shaderFix, selfTest } = info;
  const seconds = (performance.now() - started) / 1000;
  tell({ what: 'self-test', precision, runtimeVersion, build, shaderFix, ...selfTest, seconds });
}
