/** What every test begins with. */

import { startLanguage } from "./language";

startLanguage("en");
