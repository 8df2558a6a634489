/** A client that asks `flux-srpo serve` for a picture. */
export interface Client {
  /** Heading of its section in docs/clients.md, whose code is what runs. */
  name: string;
  /** Of its code there. */
  language: 'js' | 'python' | 'sh' | 'env';
  /**
   * What is installed for it, one environment a version: packages of npm or of PyPI, pinned. Empty:
   * nothing.
   */
  versions: readonly (readonly string[])[];
  /** Whether its packages are PyPI's. */
  isPython?: boolean;
  /** What it sends besides model and prompt, for the table of docs/clients.md. */
  sends: string;
}

/** The package of this repository, as it would be published. */
export const THIS_PACKAGE = 'flux-srpo';

export const CLIENTS: readonly Client[] = [
  { name: 'curl', language: 'sh', versions: [], sends: '`seed`' },
  {
    name: 'openai in JavaScript',
    language: 'js',
    versions: [['openai@6.49.0'], ['openai@7.59.0']],
    sends: '`response_format`, `seed`',
  },
  {
    name: 'openai in Python',
    language: 'python',
    versions: [['openai==2.54.0'], ['openai==3.57.0']],
    isPython: true,
    sends: '`response_format`; `seed` in `extra_body`',
  },
  {
    name: 'AI SDK',
    language: 'js',
    versions: [
      ['ai@6.0.326', THIS_PACKAGE],
      ['ai@7.0.173', THIS_PACKAGE],
    ],
    sends: '`n`, `output_format`, `seed`',
  },
  {
    name: 'AI SDK, openai-compatible',
    language: 'js',
    versions: [
      ['@ai-sdk/openai-compatible@2.0.92', 'ai@6.0.326'],
      ['@ai-sdk/openai-compatible@3.0.92', 'ai@7.0.173'],
    ],
    sends: '`n`, `size`, `response_format`; `seed` in `providerOptions`',
  },
  {
    name: 'LangChain in JavaScript',
    language: 'js',
    versions: [['@langchain/openai@1.6.0', '@langchain/core@1.4.0']],
    sends: '`n`, `size`, `response_format`, `style`, `quality`; it has no `seed`',
  },
  {
    name: 'LangChain in Python',
    language: 'python',
    versions: [['langchain-community==0.4.2', 'openai==3.57.0']],
    isPython: true,
    sends: '`n`, `size`; it has no `seed`',
  },
  {
    name: 'LiteLLM',
    language: 'python',
    versions: [['litellm[proxy]==1.100.0']],
    isPython: true,
    sends: '`seed` and `response_format` in `extra_body`',
  },
  {
    name: 'LiteLLM proxy',
    language: 'sh',
    versions: [['litellm[proxy]==1.100.0']],
    isPython: true,
    sends: 'what its own caller sends',
  },
  {
    name: 'Open WebUI',
    language: 'env',
    versions: [],
    sends: '`n`, `size`, `response_format`, and its additional parameters',
  },
];

/** The lines of the table of docs/clients.md. */
export function clientsTable(): string[] {
  const rows = CLIENTS.map(({ name, versions, sends }) => {
    const anchor = name
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replaceAll(' ', '-');
    const tried = versions.map((packages) => packages.filter((each) => each !== THIS_PACKAGE).join(' with '));
    return `| [${name}](#${anchor}) | ${tried.map((each) => `\`${each}\``).join(', ') || '–'} | ${sends} |`;
  });
  return ['| client | versions that were run | what it sends besides the prompt |', '| --- | --- | --- |', ...rows];
}
