import { holdLaws } from './hold.ts';

holdLaws('kits');
