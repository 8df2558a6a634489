import { describe, expect, it } from 'vitest';
import { initializeLoopVariables } from './loop-variables.ts';

/** `statements` as the body of a loop. */
const looped = (statements: string) => `fn main() { for (var k = 0u; k < 4u; k++) { ${statements} } }`;

/** What the statements become in a loop. */
function fixed(statements: string): string {
  const [head, tail] = looped('|').split('|') as [string, string];
  const code = initializeLoopVariables(looped(statements));
  expect(code.startsWith(head) && code.endsWith(tail)).toBe(true);
  return code.slice(head.length, code.length - tail.length);
}

/** Oracle: WGSL's grammar (template lists, comments, statements), applied by hand. */
describe('in a loop', () => {
  it.each([
    ['var x: f32;', 'var x: f32 = f32();'],
    ['var x : vec4<f32> ;', 'var x : vec4<f32> = vec4<f32>() ;'],
    ['var<function> x: bool;', 'var<function> x: bool = bool();'],
    ['var x:array<vec4<f16>,4>;', 'var x:array<vec4<f16>,4> = array<vec4<f16>,4>();'],
    [
      'var x: array<array<u32, 2>, (3 > 2)>;',
      'var x: array<array<u32, 2>, (3 > 2)> = array<array<u32, 2>, (3 > 2)>();',
    ],
    ['var x: array<f32, 1u<<2>;', 'var x: array<f32, 1u<<2> = array<f32, 1u<<2>();'],
    ['var x: array<f32, n[i[0]]>;', 'var x: array<f32, n[i[0]]> = array<f32, n[i[0]]>();'],
    ['var x: S; var y: T;', 'var x: S = S(); var y: T = T();'],
    ['var größe: Maß;', 'var größe: Maß = Maß();'],
    [
      'var/* var y: u32; */x /* : */ : /* = */ f32 // = 1;\n;',
      'var/* var y: u32; */x /* : */ : /* = */ f32 = f32() // = 1;\n;',
    ],
    ['var x: /* a /* nested */ = */ f32;', 'var x: /* a /* nested */ = */ f32 = f32();'],
    ['var x: vec2< // ; =\n f32>;', 'var x: vec2< // ; =\n f32> = vec2< // ; =\n f32>();'],
    ['if a < b { var x: f32; }', 'if a < b { var x: f32 = f32(); }'],
    ['switch k { case 0: { var x: f32; } default: { } }', 'switch k { case 0: { var x: f32 = f32(); } default: { } }'],
    ['for (var i: u32; i < 3u; i++) { }', 'for (var i: u32 = u32(); i < 3u; i++) { }'],
    ['{ { var x: f32; } } var y: f32;', '{ { var x: f32 = f32(); } } var y: f32 = f32();'],
  ])('%s becomes %s', (before, after) => {
    expect(fixed(before)).toBe(after);
  });

  it.each([
    'var x = 1.0;',
    'var x: f32 = 1.0;',
    'var x: vec4<f32>= vec4<f32>();',
    'var x: array<vec2<f32>,2>=y;',
    'var x: array<f32, 1u<<2> = y;',
    'let x: f32 = 1.0;',
    'const x: f32 = 1.0;',
    'variable.var_x = 1.0; // var x: f32;',
    '/* var x: f32; /* var y: f32; */ var z: f32; */',
    'x = f(1.0f, 0x1p3, 1e5f, a < b, c > d);',
  ])('%s stays', (statements) => {
    expect(fixed(statements)).toBe(statements);
  });
});

it.each([
  'while (a < b) { | }',
  'while f(a) { | }',
  'loop { | }',
  'loop { continuing { | break if a; } }',
  'loop { a++; continuing { b++; } | }',
  'loop @diagnostic(off, derivative_uniformity) { | }',
  'for (;;) { | }',
])('finds the loop in %s', (loop) => {
  const code = `fn main() { ${loop} }`;
  expect(initializeLoopVariables(code.replace('|', 'var x: f32;'))).toBe(code.replace('|', 'var x: f32 = f32();'));
});

it('leaves what is declared once as it is', () => {
  const code = `enable f16; // for while loop {
    struct S { loops: f32, format: u32 }
    var<workgroup> tile: array<f32, 64>;
    var<private> seed: u32;
    @group(0) @binding(0) var<storage, read_write> values: array<S>;
    fn before() { var x: f32; for (var i = 0; i < 3; i++) { x += 1.0; } var y: f32; }
    fn after() { var z: vec4<f32>; { var w: f32; } for (var j: u32; j < 3u; j++) { } }`;
  expect(initializeLoopVariables(code)).toBe(code);
});

it('mends the sums of scores of FlashAttention', () => {
  // The loop over keys as onnxruntime-web 1.30 makes it for devices with subgroups, shortened.
  const code = `
  for (var k_start = aligned_window_start; k_start < loop_bound; k_start += capped_sg_size) {
    workgroupBarrier();
    loadk(k_start, batch_head_idx, local_idx, capped_sg_size, total_sequence_length);
    workgroupBarrier();

    var qk_1 : vec4<qk_precision>;
    var qk_2 : vec4<qk_precision>;
    if (sg_size > 8) {
      for (var i : u32 = 0u; i < head_size_vec; i++) {
        var k_local = k_tile[capped_sg_id][i];
        let q_own = vec4<qk_precision>(q_tile[i]);
        qk_1[0] += dot(q_own, fetchKTile(0, i, k_local));
        qk_2[3] += dot(q_own, fetchKTile(7, i, k_local));
      }
    }
  }`;
  const right = code.replaceAll(' : vec4<qk_precision>;', ' : vec4<qk_precision> = vec4<qk_precision>();');
  expect(initializeLoopVariables(code)).toBe(right);
  expect(initializeLoopVariables(right)).toBe(right);
});

it('ends where the source is broken, so that the compiler can say what is wrong', () => {
  for (const code of [
    'for (;;) { var',
    'for (;;) { var x: array<',
    'for (;;) { var x: f32',
    '} } var x: f32;',
    '/* /*',
  ])
    expect(initializeLoopVariables(code)).toBe(code);
});
