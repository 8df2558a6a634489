import type { Kind } from '../grammar.ts';
import type { Brush } from './brush.ts';
import { drawBalloon } from './things/balloon.ts';
import { drawBoat } from './things/boat.ts';
import { drawCar } from './things/car.ts';
import { drawCat } from './things/cat.ts';
import { drawDuck } from './things/duck.ts';
import { drawFlower } from './things/flower.ts';
import { drawHouse } from './things/house.ts';
import { drawMushroom } from './things/mushroom.ts';
import { drawRabbit } from './things/rabbit.ts';
import { drawRocket } from './things/rocket.ts';
import { drawTree } from './things/tree.ts';

/** Draws a thing of each kind, about a unit high and at most a unit wide. */
export const THINGS: Record<Kind, (brush: Brush) => void> = {
  house: drawHouse,
  tree: drawTree,
  balloon: drawBalloon,
  boat: drawBoat,
  cat: drawCat,
  mushroom: drawMushroom,
  duck: drawDuck,
  car: drawCar,
  rabbit: drawRabbit,
  flower: drawFlower,
  rocket: drawRocket,
};
