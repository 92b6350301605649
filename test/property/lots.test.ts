import { runLaws } from './run-laws.ts';

runLaws('lots');
