// Whether a page fits its width.

/** The elements that stick out of the page sideways, or are cut off. */
export function fit(page) {
  return page.evaluate(() => {
    const root = document.documentElement;
    const found = [];
    if (root.scrollWidth > root.clientWidth) {
      found.push(`it scrolls sideways: ${root.scrollWidth} px in ${root.clientWidth}`);
    }
    const describe = (element) => `<${element.localName}> ${element.textContent.trim().slice(0, 40)}`;
    for (const element of document.body.querySelectorAll('*')) {
      const { left, right, width, height } = element.getBoundingClientRect();
      // Content for screen readers only takes a single pixel.
      if (width <= 1 || height <= 1) continue;
      if (left < -0.5 || right > root.clientWidth + 0.5) found.push(`sticks out: ${describe(element)}`);
      const { overflowX } = getComputedStyle(element);
      const cuts = overflowX !== 'visible' || element.localName === 'button';
      if (cuts && element.localName !== 'input' && element.scrollWidth > element.clientWidth + 1) {
        found.push(`is cut off: ${describe(element)}`);
      }
    }
    return found;
  });
}
