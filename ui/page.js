// What the page does in the browser: it turns clicks and keys into events for the server and keeps the marks of rows.
// Markup comes from the server, escaped there; nothing here writes markup.
(() => {
  const named = () => {
    const field = document.querySelector('#reviewer textarea, #reviewer input');
    if (field && !field.value.trim()) field.focus();
  };
  const box = row => row.querySelector('input[type=checkbox]');
  const checked = element => [...element.querySelectorAll('tbody tr')].filter(row => box(row)?.checked);

  const buttons = (element, trigger, events) => element.addEventListener('click', event => {
    const button = event.target.closest('button');
    if (!button) return;
    if ('renew' in button.dataset) trigger(events[0], {});
    if ('use' in button.dataset) trigger(events[0], { rank: Number(button.dataset.use) });
  });

  const patterns = (element, trigger, [choose, more]) => element.addEventListener('click', event => {
    const chosen = event.target.closest('[data-pattern]');
    if (chosen) {
      for (const one of element.querySelectorAll('[data-pattern]')) {
        one.classList.toggle('cm-chosen', one === chosen);
        one.setAttribute('aria-pressed', one === chosen);
      }
      document.querySelector('#issues')?.classList.add('cm-loading');
      trigger(choose, { pattern: chosen.dataset.pattern });
      if (matchMedia('(max-width: 760px)').matches) document.querySelector('#issues-pane')?.scrollIntoView({ behavior: 'smooth' });
    } else if (event.target.closest('[data-more]')) trigger(more, {});
  });

  // Rows with check boxes: what is checked is told to `changed`, and stays checked when the rows are drawn anew.
  const checks = (element, key, watch, changed) => {
    let kept = new Set();
    const tell = () => {
      const rows = [...element.querySelectorAll('tbody tr')], on = checked(element);
      kept = new Set(on.map(row => row.dataset[key]));
      for (const row of rows) row.classList.toggle('cm-checked', on.includes(row));
      const all = element.querySelector('[data-all]'), boxes = rows.filter(box).length;
      if (all) { all.checked = boxes > 0 && on.length === boxes; all.indeterminate = on.length > 0 && on.length < boxes; }
      changed(on.length);
    };
    element.addEventListener('change', event => {
      if ('all' in event.target.dataset) for (const row of element.querySelectorAll('tbody tr')) if (box(row)) box(row).checked = event.target.checked;
      tell();
    });
    const again = () => {
      for (const row of element.querySelectorAll('tbody tr')) if (box(row)) box(row).checked = kept.has(row.dataset[key]);
      tell();
    };
    watch('value', again);
    again();
    return { ids: () => checked(element).map(row => row.dataset[key]), tell };
  };

  const issues = (element, trigger, watch, [decide, inspect, modify, more]) => {
    const rows = () => [...element.querySelectorAll('tbody tr')];
    const active = () => element.querySelector('tr.cm-active');
    const scope = count => {
      const label = element.querySelector('[data-scope]');
      if (label) label.textContent = count ? `${count} selected` : 'this row';
    };
    const marks = checks(element, 'issue', watch, scope);
    watch('value', () => document.querySelector('#issues')?.classList.remove('cm-loading'));
    const targets = () => { const ids = marks.ids(); return ids.length ? ids : active() ? [active().dataset.issue] : []; };
    const send = (verdict, everything) => {
      named();
      trigger(decide, {
        verdict, everything, issues: targets(), order: rows().map(row => row.dataset.issue),
        count: Number(element.querySelector('.cm-bar')?.dataset.count || 0),
      });
    };
    const ask = wanted => {
      const usual = element.querySelector('.cm-usual'), question = element.querySelector('.cm-sure-question');
      usual.hidden = wanted; question.hidden = !wanted;
      if (wanted) question.querySelector('[data-really]').focus();
    };
    const go = row => {
      if (!row) return;
      for (const one of rows()) { one.classList.toggle('cm-active', one === row); one.setAttribute('aria-selected', one === row); }
      row.scrollIntoView({ block: 'nearest' });
      trigger(inspect, { issue: row.dataset.issue });
    };
    element.addEventListener('click', event => {
      const button = event.target.closest('button'), row = event.target.closest('tbody tr');
      if (!button) { if (row && event.target.type !== 'checkbox') go(row); return; }
      const { dataset } = button;
      if ('verdict' in dataset) send(dataset.verdict, false);
      if ('modify' in dataset) trigger(modify, { issues: targets() });
      if ('more' in dataset) trigger(more, {});
      if ('everything' in dataset) Number(element.querySelector('.cm-bar').dataset.count) > 20 ? ask(true) : send('approved', true);
      if ('really' in dataset) { ask(false); send('approved', true); }
      if ('no' in dataset) ask(false);
    });
    document.addEventListener('keydown', event => {
      if (!element.isConnected || element.offsetParent === null || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest('input:not([type=checkbox]), textarea, select, [contenteditable=true]')) return;
      const list = rows(), at = list.indexOf(active());
      const press = selector => element.querySelector(selector)?.click();
      const acts = {
        j: () => go(list[at + 1]), k: () => go(list[at - 1]), a: () => press('[data-verdict=approved]'), r: () => press('[data-verdict=rejected]'),
        m: () => press('[data-modify]'), u: () => document.querySelector('#spoken [data-undo]')?.click(),
        x: () => { if (active()) { box(active()).checked = !box(active()).checked; marks.tell(); } },
      };
      if (acts[event.key]) { event.preventDefault(); acts[event.key](); }
    });
  };

  const corrections = (element, trigger, watch, [undo, more]) => {
    const marks = checks(element, 'correction', watch, count => {
      const button = element.querySelector('[data-takeback]');
      if (!button) return;
      button.disabled = !count;
      button.querySelector('[data-scope]').textContent = count ? `${count} selected` : '';
    });
    element.addEventListener('click', event => {
      if (event.target.closest('[data-takeback]')) { named(); trigger(undo, { corrections: marks.ids() }); }
      if (event.target.closest('[data-more]')) trigger(more, {});
    });
  };

  const spoken = (element, trigger, [undo]) => element.addEventListener('click', event => {
    if (event.target.closest('[data-undo]')) trigger(undo, {});
    if (event.target.closest('[data-undo], [data-close]')) element.querySelector('.cm-message')?.remove();
  });

  window.channelmend = { buttons, patterns, issues, corrections, spoken };
})();
