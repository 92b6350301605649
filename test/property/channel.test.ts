import { runLaws } from './run-laws.ts';

runLaws('channel');
