/* Headless tracking script, version 1.
   <script src="https://c.example.com/t-1.js" data-site="wsp_…" integrity="…" crossorigin defer></script>
   data-consent="ask": nothing is stored and nothing sent before hc.consent(true).
   data-hc-form="slug" on a form sends its answers; data-hc-slot="Name" on an element fills it. */
(function (window, document, navigator) {
  'use strict';
  var me = document.currentScript, site = me.dataset.site, base = me.src.replace(/\/t[^/]*$/, '');
  var refused = navigator.globalPrivacyControl || navigator.doNotTrack === '1' || window.doNotTrack === '1';
  var IDLE = 30000, store = null, on = false, visitor, ticket, address, referrer = document.referrer;
  var unsent = 0, step = 5, last, touched;

  try { store = window.localStorage; } catch (e) { /* storage is forbidden: the visitor lasts as long as the page */ }
  function get(key) { try { return store.getItem(key); } catch (e) { return null; } }
  function set(key, value) {
    try { if (value === null) store.removeItem(key); else store.setItem(key, value); } catch (e) { /* as above */ }
  }
  function now() { return window.performance.now(); }
  function random() {
    return Array.prototype.map.call(window.crypto.getRandomValues(new Uint8Array(16)), function (byte) {
      return ('0' + byte.toString(16)).slice(-2);
    }).join('');
  }
  function here() { return window.location.href.split('#')[0]; }

  /* Who the click in a mail was for: read once, and gone from the address before anybody copies it. */
  function take() {
    var url = new URL(window.location.href);
    ticket = url.searchParams.get('_hc');
    if (ticket !== null) {
      url.searchParams.delete('_hc');
      window.history.replaceState(window.history.state, '', url);
    }
  }

  function envelope(more) {
    more.s = site; more.v = visitor;
    if (ticket) more.t = ticket;
    return JSON.stringify(more);
  }
  function send(event) {
    event.i = random();
    event.u = address;
    var body = envelope({ e: [event] });
    if (!(navigator.sendBeacon && navigator.sendBeacon(base + '/t', body))) {
      window.fetch(base + '/t', { method: 'POST', body: body, keepalive: true, credentials: 'omit' });
    }
  }

  /* Active time: the page is to be seen, and somebody has done something in the last half minute. */
  function count() {
    var passed = now() - last;
    last = now();
    if (on && document.visibilityState === 'visible' && last - touched < IDLE) unsent += Math.min(passed, 2000) / 1000;
  }
  function flush() {
    var seconds = Math.floor(unsent);
    if (on && seconds > 0) { unsent -= seconds; send({ k: 'spent', n: seconds }); }
  }
  function tick() {
    count();
    if (unsent >= step) { flush(); step = Math.min(step * 2, 60); }
  }
  function hide() {
    if (document.visibilityState === 'hidden') {
      /* what passed until now was still seen, though the page is hidden already */
      if (on && now() - touched < IDLE) unsent += Math.min(now() - last, 2000) / 1000;
      flush();
    }
    last = now();
  }
  function touch() { touched = now(); }

  function view() {
    if (!on || address === here()) return;
    if (address) { count(); flush(); referrer = address; }
    address = here(); unsent = 0; step = 5; last = touched = now();
    send({ k: 'view', r: referrer });
    slots();
  }
  function slots() {
    var places = document.querySelectorAll('[data-hc-slot]');
    if (!places.length) return;
    var names = Array.prototype.map.call(places, function (place) { return place.getAttribute('data-hc-slot'); });
    window.fetch(base + '/t/slots', { method: 'POST', body: envelope({ n: names }), credentials: 'omit' })
      .then(function (answer) { return answer.ok ? answer.json() : {}; })
      .then(function (contents) {
        Array.prototype.forEach.call(places, function (place, index) {
          if (typeof contents[names[index]] === 'string') place.innerHTML = contents[names[index]];
        });
      }, function () { /* the page stays as it is */ });
  }
  function submit(event) {
    var form = event.target, slug = form.getAttribute && form.getAttribute('data-hc-form'), answers = {};
    if (!on || !form.elements) return;
    if ((form.getAttribute('action') || '').indexOf(base + '/f/') === 0 || here().indexOf(base + '/f/') === 0) {
      var tie = document.createElement('input');
      tie.type = 'hidden'; tie.name = '_hv'; tie.value = visitor;
      form.appendChild(tie);
      return;
    }
    if (!slug) return;
    Array.prototype.forEach.call(form.elements, function (field) {
      var secret = field.type === 'password' || field.type === 'file' || /^cc-/.test(field.autocomplete || '');
      var chosen = !/^(checkbox|radio)$/.test(field.type) || field.checked;
      if (field.name && !secret && chosen && field.type !== 'submit') answers[field.name] = String(field.value);
    });
    send({ k: 'form', f: slug, d: answers });
  }

  function click(event) {
    var link = event.target.closest && event.target.closest('a[href]');
    if (on && link && link.href.indexOf(base + '/a/') === 0) {
      send({ k: 'download', a: link.href.slice(base.length + 3).split(/[?#]/)[0] });
    }
  }

  function start() {
    if (on || refused) return;
    visitor = get('hc_id') || random();
    set('hc_id', visitor);
    on = true;
    view();
  }
  function stop() { on = false; address = null; set('hc_id', null); }

  window.hc = {
    consent: function (given) {
      set('hc_ok', given ? '1' : '0');
      if (given) start(); else stop();
    },
    forget: function () { stop(); set('hc_ok', null); }
  };

  take();
  ['mousemove', 'mousedown', 'keydown', 'scroll', 'touchstart'].forEach(function (name) {
    window.addEventListener(name, touch, { passive: true, capture: true });
  });
  document.addEventListener('visibilitychange', hide);
  window.addEventListener('pagehide', function () { count(); flush(); });
  window.addEventListener('popstate', view);
  document.addEventListener('submit', submit, true);
  document.addEventListener('click', click, true);
  ['pushState', 'replaceState'].forEach(function (name) {
    var before = window.history[name];
    window.history[name] = function () { before.apply(this, arguments); view(); };
  });
  window.setInterval(tick, 1000);
  function ready() { if (get('hc_ok') === '1' || (me.dataset.consent !== 'ask' && get('hc_ok') !== '0')) start(); }
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', ready); else ready();
})(window, document, navigator);
