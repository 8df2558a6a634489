import { mount } from 'svelte';
import Maker from './maker.svelte';

mount(Maker, { target: document.body });
