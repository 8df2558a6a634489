/** What starts the command line. It imports nothing before it knows that this Node can run it. */

const MIN_NODE = [20, 19] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < MIN_NODE[0] || (major === MIN_NODE[0] && minor < MIN_NODE[1])) {
  process.stderr.write(
    `flux-srpo needs Node ${MIN_NODE.join('.')} or later, this is ${process.versions.node}: see https://nodejs.org\n`,
  );
  process.exitCode = 2;
} else {
  await import('./main.ts');
}

export {};
