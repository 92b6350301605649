import { holdLaws } from './hold.ts';

holdLaws('wire');
