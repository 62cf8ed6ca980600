// Checks the accessibility of a page with axe-core.

const SERIOUS = ['serious', 'critical'];

/** In which light, what axe-core looks at, and how many rules have something to look at on any page. */
const LOOKS = [
  ['light', { rules: { 'target-size': { enabled: true } } }, 10],
  ['dark', { runOnly: ['color-contrast'] }, 1],
];

export class Judge {
  /** `context` runs scripts; the pages are visited in others, which do not. */
  static async appoint(context, axe) {
    const judge = new Judge();
    judge.axe = axe;
    judge.sheet = await context.newPage();
    await context.route('**', (route) => route.fulfill(judge.exhibit));
    return judge;
  }

  /**
   * Judges the very bytes that the visitor was sent, at the same address and under the same policy; by night the
   * colours alone, for nothing else is another. Throws for serious findings and tells the others.
   */
  async page(url, document, name) {
    const headers = { ...(await document.allHeaders()) };
    for (const field of ['content-length', 'content-encoding', 'transfer-encoding', 'set-cookie']) delete headers[field];
    // The page that posts itself would be gone before it is checked.
    headers['content-security-policy'] = headers['content-security-policy']?.replace(/script-src [^;]*;/, '') ?? '';
    this.exhibit = { status: document.status(), headers, body: await document.body() };
    const [serious, slight] = [[], []];
    await this.sheet.goto(url);
    await this.sheet.evaluate(`${this.axe};0`);
    for (const [colorScheme, options, least] of LOOKS) {
      await this.sheet.emulateMedia({ colorScheme });
      const run = (options) => axe.run(document, options);
      const { violations, incomplete, passes } = await this.sheet.evaluate(run, options);
      if (passes.length < least) throw new Error(`${name}: axe-core checked next to nothing`);
      for (const finding of violations) {
        (SERIOUS.includes(finding.impact) ? serious : slight).push(told(name, colorScheme, finding));
      }
      slight.push(...incomplete.map((finding) => `${told(name, colorScheme, finding)} (not certain)`));
    }
    if (serious.length > 0) throw new Error(serious.join('\n'));
    return slight;
  }
}

function told(name, colorScheme, { id, impact, help, nodes }) {
  const places = nodes.map(({ html, failureSummary }) => `${html.slice(0, 120)}: ${failureSummary}`).join('; ');
  return `${name}, ${colorScheme}: axe-core ${id} (${impact}): ${help}: ${places.replaceAll('\n', ' ')}`;
}
