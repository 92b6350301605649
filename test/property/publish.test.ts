import { holdLaws } from './hold.ts';

holdLaws('publish');
