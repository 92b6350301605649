import { holdLaws } from './hold.ts';

holdLaws('decide');
