/** What an adapter says of itself, as plain data. */
export interface AdapterReport {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** True for a software adapter (SwiftShader, WARP). */
  readonly isFallback: boolean;
  /** Sorted. */
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  /** Absent where the browser does not tell. */
  readonly subgroupMinSize?: number;
  readonly subgroupMaxSize?: number;
}
