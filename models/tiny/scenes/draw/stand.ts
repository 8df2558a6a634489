import type { Scene } from '../grammar.ts';
import type { Brush } from './brush.ts';
import type { Canvas } from './canvas.ts';
import { BLACK, mix } from './colour.ts';
import { PALETTES } from './palettes.ts';
import type { Place } from './places.ts';

/** What a thing stands on: a shadow, an islet in the sea, or ripples for what floats. */
export function drawStand(canvas: Canvas, { time, ground }: Scene, place: Place, { shade }: Brush): void {
  const [far, near, accent] = PALETTES[time].grounds[ground];
  const { kind, cx, base, unit } = place;
  if (kind === 'balloon') {
    // Its shadow lies far below, on the ground.
    const y = canvas.height * 0.86;
    canvas.ellipse(cx, y, unit * 0.2, unit * 0.04, mix(far, BLACK, 0.35), 0.5, 2);
    return;
  }
  const floats = kind === 'boat' || kind === 'duck';
  if (ground === 'sea' && floats) {
    canvas.ellipse(cx, base + unit * 0.01, unit * 0.5, unit * 0.06, mix(near, accent, 0.55), 0.9, 1.5);
  } else if (ground === 'sea') {
    canvas.ellipse(cx, base + unit * 0.04, unit * 0.56, unit * 0.12, shade([238, 216, 160]));
    canvas.ellipse(cx, base + unit * 0.02, unit * 0.4, unit * 0.06, shade([208, 184, 128]), 0.7, 2);
  } else {
    canvas.ellipse(cx, base, unit * 0.44, unit * 0.065, mix(far, BLACK, 0.35), 0.55, 2);
  }
}
