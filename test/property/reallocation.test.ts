import { holdLaws } from './hold.ts';

holdLaws('reallocation');
