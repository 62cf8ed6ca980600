// Checks the accessibility of a page with axe-core.

const SERIOUS = ['serious', 'critical'];

/** The color scheme, the options of axe-core, and the least number of rules that apply to any page. */
const LOOKS = [
  ['light', { rules: { 'target-size': { enabled: true } } }, 10],
  ['dark', { runOnly: ['color-contrast'] }, 1],
];

export class Accessibility {
  /** `context` runs scripts; the visitors use contexts that do not. */
  static async create(context, axe) {
    const accessibility = new Accessibility();
    accessibility.axe = axe;
    accessibility.copy = await context.newPage();
    await context.route('**', (route) => route.fulfill(accessibility.response));
    return accessibility;
  }

  /**
   * Checks the same bytes that the visitor got, at the same URL and under the same policy. In the dark scheme only the
   * colors are checked, since nothing else differs. Throws for serious findings and returns the others.
   */
  async page(url, document, name) {
    const headers = { ...(await document.allHeaders()) };
    for (const field of ['content-length', 'content-encoding', 'transfer-encoding', 'set-cookie']) delete headers[field];
    // The page that posts itself would be gone before it is checked.
    headers['content-security-policy'] = headers['content-security-policy']?.replace(/script-src [^;]*;/, '') ?? '';
    this.response = { status: document.status(), headers, body: await document.body() };
    const [serious, slight] = [[], []];
    await this.copy.goto(url);
    await this.copy.evaluate(`${this.axe};0`);
    for (const [colorScheme, options, least] of LOOKS) {
      await this.copy.emulateMedia({ colorScheme });
      const run = (options) => axe.run(document, options);
      const { violations, incomplete, passes } = await this.copy.evaluate(run, options);
      if (passes.length < least) throw new Error(`${name}: axe-core checked next to nothing`);
      for (const finding of violations) {
        (SERIOUS.includes(finding.impact) ? serious : slight).push(describe(name, colorScheme, finding));
      }
      slight.push(...incomplete.map((finding) => `${describe(name, colorScheme, finding)} (not certain)`));
    }
    if (serious.length > 0) throw new Error(serious.join('\n'));
    return slight;
  }
}

function describe(name, colorScheme, { id, impact, help, nodes }) {
  const places = nodes.map(({ html, failureSummary }) => `${html.slice(0, 120)}: ${failureSummary}`).join('; ');
  return `${name}, ${colorScheme}: axe-core ${id} (${impact}): ${help}: ${places.replaceAll('\n', ' ')}`;
}
