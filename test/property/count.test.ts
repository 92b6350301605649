import { holdLaws } from './hold.ts';

holdLaws('count');
