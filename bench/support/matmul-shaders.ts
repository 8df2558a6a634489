/** Matrix products by hand in WGSL: what a simple shader reaches on a machine. */

export interface MatMulShader {
  /** C = A · B, each [size, size], row-major, at bindings 0 (A), 1 (B) and 2 (C) of group 0. */
  readonly code: string;
  /** Of C, what one workgroup makes. */
  readonly tile: { readonly rows: number; readonly columns: number };
  readonly features: readonly string[];
  readonly inputs: 'f16' | 'f32';
  readonly output: 'f16' | 'f32';
}

/** Shapes that a device's matrix units take: [M, K] · [K, N]. */
export interface MatrixUnit {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Without subgroups or vendor matrix units. Each of 16 × 16 threads makes 4 × 4 numbers. */
export function plainMatMul(type: 'f16' | 'f32', size: number): MatMulShader {
  const code = `${type === 'f16' ? 'enable f16;' : ''}
const N4 = ${size / 4}u;
@group(0) @binding(0) var<storage, read> a: array<vec4<${type}>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<${type}>>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4<${type}>>;
var<workgroup> rows: array<array<vec4<${type}>, 4>, 64>;
var<workgroup> columns: array<array<vec4<${type}>, 16>, 16>;
@compute @workgroup_size(16, 16)
fn main(@builtin(local_invocation_id) l: vec3u, @builtin(workgroup_id) w: vec3u) {
  var sums: array<vec4<${type}>, 4>;
  let flat = l.y * 16u + l.x;
  for (var k = 0u; k < N4; k += 4u) {
    rows[flat / 4u][flat % 4u] = a[(w.y * 64u + flat / 4u) * N4 + k + flat % 4u];
    columns[flat / 16u][flat % 16u] = b[(k * 4u + flat / 16u) * N4 + w.x * 16u + flat % 16u];
    workgroupBarrier();
    for (var i = 0u; i < 4u; i++) {
      let b0 = columns[i * 4u][l.x];
      let b1 = columns[i * 4u + 1u][l.x];
      let b2 = columns[i * 4u + 2u][l.x];
      let b3 = columns[i * 4u + 3u][l.x];
      for (var r = 0u; r < 4u; r++) {
        let x = rows[l.y * 4u + r][i];
        sums[r] = fma(vec4(x.x), b0, fma(vec4(x.y), b1, fma(vec4(x.z), b2, fma(vec4(x.w), b3, sums[r]))));
      }
    }
    workgroupBarrier();
  }
  for (var r = 0u; r < 4u; r++) {
    c[(w.y * 64u + l.y * 4u + r) * N4 + w.x * 16u + l.x] = sums[r];
  }
}`;
  return {
    code,
    tile: { rows: 64, columns: 64 },
    features: type === 'f16' ? ['shader-f16'] : [],
    inputs: type,
    output: type,
  };
}

/** Tiles of C that a subgroup holds, in each direction. */
const HELD = 4;
const HELD_TILES = [...Array(HELD).keys()];

/** On subgroup matrices of halves, loaded from memory as they are. One subgroup a workgroup. */
export function matrixUnitMatMul(unit: MatrixUnit, lanes: number, size: number): MatMulShader {
  const { M, N, K } = unit;
  const output = unit.resultComponentType as 'f16' | 'f32';
  const result = `subgroup_matrix_result<${output}, ${N}, ${M}>`;
  const left = `subgroup_matrix_left<f16, ${K}, ${M}>`;
  const right = `subgroup_matrix_right<f16, ${N}, ${K}>`;
  const each = (line: (i: number) => string): string => HELD_TILES.map(line).join('\n');
  const eachPair = (line: (i: number, j: number) => string): string => each((i) => each((j) => line(i, j)));
  const code = `enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);
@group(0) @binding(0) var<storage, read> a: array<f16>;
@group(0) @binding(1) var<storage, read> b: array<f16>;
@group(0) @binding(2) var<storage, read_write> c: array<${output}>;
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) w: vec3u) {
  let row = w.y * ${HELD * M}u;
  let column = w.x * ${HELD * N}u;
  ${eachPair((i, j) => `var c${i}${j} = ${result}();`)}
  for (var k = 0u; k < ${size}u; k += ${K}u) {
    ${each((i) => `let a${i} = subgroupMatrixLoad<${left}, row_major>(&a, (row + ${i * M}u) * ${size}u + k, ${size}u);`)}
    ${each((j) => `let b${j} = subgroupMatrixLoad<${right}, row_major>(&b, k * ${size}u + column + ${j * N}u, ${size}u);`)}
    ${eachPair((i, j) => `c${i}${j} = subgroupMatrixMultiplyAccumulate(a${i}, b${j}, c${i}${j});`)}
  }
  ${eachPair((i, j) => `subgroupMatrixStore<row_major>(&c, (row + ${i * M}u) * ${size}u + column + ${j * N}u, c${i}${j}, ${size}u);`)}
}`;
  const features = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'];
  return { code, tile: { rows: HELD * M, columns: HELD * N }, features, inputs: 'f16', output };
}
