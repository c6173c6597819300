/**
 * Browser translators wrap or replace text nodes by <font> elements. React, which knows only its own nodes, then
 * fails to remove or to insert before them, and the page is lost (facebook/react#11538). Here the wrapper goes in
 * place of the node that it took.
 */

/** The child of `parent` that holds the node; null if the node is no longer below it. */
function holder(parent: Node, node: Node): Node | null {
  let each: Node | null = node;
  while (each && each.parentNode !== parent) each = each.parentNode;
  return each;
}

export function survivePageTranslation(): void {
  const { removeChild, insertBefore } = Node.prototype;

  Node.prototype.removeChild = function <T extends Node>(this: Node, child: T): T {
    const held = holder(this, child);
    if (held) removeChild.call(this, held);
    return child;
  };

  Node.prototype.insertBefore = function <T extends Node>(this: Node, added: T, before: Node | null): T {
    insertBefore.call(this, added, before && holder(this, before));
    return added;
  };
}
