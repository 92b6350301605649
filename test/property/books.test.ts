import { holdLaws } from './hold.ts';

holdLaws('books');
