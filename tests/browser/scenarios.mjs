// The scenarios, by name, in the order in which they are played. `main.rs` has the same list of names.

import * as consenting from './scenarios/consenting.mjs';
import * as entering from './scenarios/entering.mjs';
import * as failing from './scenarios/failing.mjs';
import * as returning from './scenarios/returning.mjs';

export const scenarios = { ...entering, ...consenting, ...returning, ...failing };
