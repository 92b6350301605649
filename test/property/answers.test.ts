import { holdLaws } from './hold.ts';

holdLaws('answers');
