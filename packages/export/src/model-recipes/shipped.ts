import fluxDev from '../../../../models/recipes/flux-dev.json' with { type: 'json' };
import fluxKrea from '../../../../models/recipes/flux-krea.json' with { type: 'json' };
import srpo from '../../../../models/recipes/srpo.json' with { type: 'json' };
import srpoBf16 from '../../../../models/recipes/srpo-bf16.json' with { type: 'json' };
import srpoQ4 from '../../../../models/recipes/srpo-q4.json' with { type: 'json' };
import srpoQ8 from '../../../../models/recipes/srpo-q8.json' with { type: 'json' };
import srpoTurbo from '../../../../models/recipes/srpo-turbo.json' with { type: 'json' };

/** Every recipe of `models/recipes`, in the order that a list shows. */
export const SHIPPED_RECIPES = [srpo, srpoBf16, srpoQ8, srpoQ4, srpoTurbo, fluxDev, fluxKrea] as const;
