import { holdLaws } from './hold.ts';

holdLaws('pools');
