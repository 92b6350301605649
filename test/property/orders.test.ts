import { holdLaws } from './hold.ts';

holdLaws('orders');
