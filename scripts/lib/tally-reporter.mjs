import { writeFileSync } from 'node:fs';

/**
 * A Vitest reporter that writes to the file named by `TEST_TALLY`: how many tests passed, which
 * failed, and which were skipped with which reason. (Vitest's own JSON report leaves the reasons
 * out.)
 *
 * @implements {Pick<import('vitest/reporters').Reporter, 'onTestRunEnd'>}
 */
export default class TallyReporter {
  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly unknown[]} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    const file = process.env.TEST_TALLY;
    if (file === undefined) return;
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    // A file or a hook that throws fails its module but no test of its own.
    const brokenModules = modules.filter(
      (module) => module.state() === 'failed' && [...module.children.allTests('failed')].length === 0,
    );
    const skipped = tests
      .filter((test) => test.result().state === 'skipped')
      .map((test) => {
        const result = test.result();
        return { name: test.fullName, reason: ('note' in result && result.note) || 'no reason given' };
      });
    const passed = tests.filter((test) => test.result().state === 'passed').length;
    const failures = [
      ...tests
        .filter((test) => test.result().state === 'failed')
        .map((test) => `${test.module.relativeModuleId}: ${test.fullName}: ${firstLine(test.result().errors?.[0])}`),
      ...brokenModules.map((module) => `${module.relativeModuleId}: ${firstLine(module.errors()[0])}`),
      ...unhandledErrors.map((error) => `unhandled: ${firstLine(error)}`),
    ];
    writeFileSync(file, JSON.stringify({ passed, failures, skipped }));
  }
}

/** @param {unknown} error */
function firstLine(error) {
  const { message = String(error) } = /** @type {{ message?: string }} */ (error ?? {});
  return message.split('\n', 1)[0];
}
