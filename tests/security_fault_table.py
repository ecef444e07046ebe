"""The faults that `make security-faults` puts in, in the order of SECURITY.md's rows: each takes away what
holds against a threat, and the tests of the row have to find it. tests/test_security.py compares them with the page."""

from dataclasses import dataclass

SIGN_IN = "tests/web/test_sign_in_limits.py::"
OTHER_SITES = "tests/web/test_other_sites.py::"
FACTORS, FACTOR_PAGES = "tests/copies/test_second_factors.py::", "tests/web/test_second_factors.py::"
PASSKEYS = "tests/journey/test_passkeys.py::"
SIGN_ON, ARRIVALS = "tests/web/test_sign_on.py::", "tests/copies/test_sign_on.py::"
SIGN_ON_LINKS, ENDED = "tests/web/test_sign_on_links.py::", "tests/web/test_sign_on_ended.py::"
SIGNERS, KEYS, TOKENS = (
    "tests/api/test_ec2_signers.py::",
    "tests/copies/test_access_keys.py::",
    "tests/copies/test_tokens.py::",
)
CLI = "tests/cli/test_signing_in.py::"
DOOR, SERVER = "tests/web/test_door.py::", "tests/web/test_fuzz_server.py::"
LINES, SECRETS = "tests/logs/test_lines.py::", "tests/logs/test_secrets.py::"
SLOW, TABLES = "tests/journey/test_slow_requests.py::", "tests/test_tables.py::"

APPROVALS, GATE_TESTS = "tests/copies/test_approval_decisions.py::", "tests/copies/test_gate.py::"
KEY_BINDING, ONE_HAND = "tests/copies/test_key_binding.py::", "tests/copies/test_votes_of_one_hand.py::"
OF_TEAMS = "tests/copies/test_votes_of_teams.py::"
POWER_TESTS, PROPOSALS = "tests/copies/test_power.py::", "tests/copies/test_proposals.py::"
LINKS, SERVICES, TEAMS = (f"tests/copies/test_{name}.py::" for name in ("password_links", "services", "teams"))
ADDRESSES, DELIVERIES = "tests/notify/test_addresses.py::", "tests/notify/test_deliveries.py::"
CALLBACKS = "tests/api/test_callbacks.py::"
APPEND_ONLY, CHAIN = "tests/audit/test_append_only.py::", "tests/audit/test_chain_verification.py::"
VERIFY = "tests/audit/test_verify_amicopy.py::"

LIMITS = "amicopy/web/sign_in_limits.py"
PERMISSIONS = "amicopy/copies/core/permissions.py"
VOTERS, POWER = "amicopy/copies/voting/voters.py", "amicopy/copies/voting/power.py"
GATE = "amicopy/copies/voting/approvals.py"


@dataclass(frozen=True)
class Fault:
    """In `file` the text `old` becomes `new`, and each of `tests` has to fail. `alone`: not in a function, or for other
    processes to see. `postgresql`: the tests need one."""

    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    alone: bool = False
    postgresql: bool = False

    @property
    def test_names(self) -> set[str]:
        """Its tests as SECURITY.md names them: without parameters."""
        return {test.partition("[")[0] for test in self.tests}


AT_THE_DOOR = (
    Fault(
        "amicopy/web/sign_in_required.py",
        'if not getattr(view_func, "login_required", True):',
        "if True:",
        ("tests/web/test_pages.py::test_every_address_is_closed_to_whoever_is_not_signed_in",),
    ),
    Fault(
        "amicopy/urls.py",
        '    path("help/", preferences.help_page, name="help"),\n',
        '    path("help/", preferences.help_page, name="help"),\n'
        '    path("more/", preferences.help_page, name="more"),\n',
        ("tests/web/test_roles.py::test_every_address_has_its_rows",),
        alone=True,
    ),
    Fault(
        LIMITS,
        """f"place:{digest(f'{place.network} {name}')}\"""",
        """f"place:{secrets.token_hex()}\"""",
        (SIGN_IN + "test_no_password_is_hashed_during_a_rest",),
    ),
    Fault(
        LIMITS,
        'f"address:{digest(place.network)}"',
        'f"address:{digest(name)}"',
        (SIGN_IN + "test_an_address_rests_whatever_the_names_and_before_anything_is_hashed",),
    ),
    Fault(
        LIMITS,
        'f"name:{digest(name)}"',
        'f"name:{digest(place.network)}"',
        (SIGN_IN + "test_a_name_rests_over_all_addresses",),
    ),
    Fault(LIMITS, "(address, 64)", "(address, 128)", (SIGN_IN + "test_the_addresses_of_one_ipv6_network_are_one",)),
    Fault(
        LIMITS,
        'wanted.select_for_update().order_by("key")',
        'wanted.order_by("key")',
        (SIGN_IN + "test_many_tries_at_once_are_no_more_than_one_after_the_other",),
        postgresql=True,
    ),
    Fault(
        LIMITS,
        "else max(0, row.tries - 1)",
        "else 0",
        (SIGN_IN + "test_an_own_account_in_between_takes_back_no_more_than_its_own_tries",),
    ),
    Fault(
        LIMITS,
        "if KnownPlace.objects.filter(person__username=name, place=where).exists():",
        "if False:",
        (
            SIGN_IN + "test_nobody_is_locked_out_where_they_signed_in_before",
            SIGN_IN + "test_a_colleague_behind_the_same_address_stops_nobody_in_their_own_browser",
        ),
    ),
    Fault(
        LIMITS,
        "    _refuse_resting(wanted)\n",
        '    wanted.update(ends_at=timezone.now() + LIMITS["place"].rest)\n    _refuse_resting(wanted)\n',
        (SIGN_IN + "test_tries_during_a_rest_neither_lengthen_it_nor_write_anything",),
    ),
    Fault(
        "amicopy/web/door.py",
        'client_address(peer, said["HTTP_X_FORWARDED_FOR"])',
        "peer",
        (
            SERVER + "test_behind_a_proxy_everybody_has_an_address_of_their_own",
            SIGN_IN + "test_behind_a_proxy_nobody_locks_out_somebody_else",
        ),
        alone=True,
    ),
    Fault(
        "amicopy/client_address.py",
        'reversed(forwarded.rsplit(",", MOST_PROXIES))',
        'forwarded.rsplit(",", MOST_PROXIES)',
        ("tests/web/test_client_address.py::test_the_first_from_the_right_that_is_no_proxy_of_ours_is_the_client",),
    ),
    Fault(
        "amicopy/web/door.py",
        "if is_proxy(peer):",
        "if True:",
        ("tests/web/test_client_address.py::test_only_a_trusted_proxy_says_that_it_was_https",),
    ),
    Fault(
        LIMITS,
        "    rows = _count(keys)\n    user = authenticate",
        "    known = User.objects.filter(username=name).exists()\n"
        '    rows = _count(keys if known else {"place": f"place:{secrets.token_hex()}"})\n'
        "    user = authenticate",
        (SIGN_IN + "test_a_name_that_is_nobodys_rests_just_the_same",),
    ),
    Fault(
        "amicopy/web/sign_in_history.py",
        '{"unknown_name": digest(name)[:DIGITS]}',
        '{"username": name}',
        (SIGN_IN + "test_a_password_typed_as_a_name_stays_nowhere",),
    ),
    Fault(
        "amicopy/web/migrations/0004_drop_axes.py",
        'schema_editor.execute(f"DROP TABLE {connection.ops.quote_name(table)}")',
        "pass",
        (SIGN_IN + "test_what_django_axes_kept_is_dropped",),
        alone=True,
    ),
    Fault(
        LIMITS,
        "if SignInTries.objects.count() < MOST_ROWS:",
        "if True:",
        (SIGN_IN + "test_a_flood_of_names_and_addresses_fills_no_table",),
    ),
    Fault(
        "amicopy/web/sign_in_history.py",
        "    if more > 0:",
        "    if more > 1000:",
        (SIGN_IN + "test_what_was_only_counted_is_summed_up_in_one_event",),
    ),
    Fault(
        "amicopy/settings/web.py",
        'LOGIN_URL = "sign-in"\n',
        'LOGIN_URL = "sign-in"\nAUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]\n',
        ("tests/web/test_roles.py::test_a_person_whose_account_is_switched_off_is_signed_out",),
        alone=True,
    ),
    Fault(
        "amicopy/settings/web.py",
        '    "django.middleware.csrf.CsrfViewMiddleware",\n',
        "",
        (OTHER_SITES + "test_no_post_of_another_site_is_carried_out",),
        alone=True,
    ),
    Fault(
        "amicopy/web/views/sign_in.py",
        "            answer = redirect(self.get_success_url())",
        '            answer = redirect(self.request.POST.get("next") or "/")',
        (OTHER_SITES + "test_signing_in_leads_to_no_other_site",),
    ),
    Fault(
        "amicopy/settings/web.py",
        '"frame-ancestors": [NONE],',
        '"frame-ancestors": [SELF],',
        (OTHER_SITES + "test_no_page_can_be_put_into_anothers_frame_or_run_anothers_script",),
        alone=True,
    ),
    Fault(
        "amicopy/web/door.py",
        'response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)',
        "pass",
        (DOOR + "test_every_answer_says_what_no_page_needs",),
    ),
    Fault(
        "amicopy/web/views/sign_in.py",
        "if second_factors.has(user):",
        "if False:",
        (FACTOR_PAGES + "test_the_password_alone_opens_nothing_and_the_code_signs_in",),
    ),
    Fault(
        "amicopy/web/second_step.py",
        "if not second_factors.demanded(user):",
        "if True:",
        (FACTOR_PAGES + "test_a_role_that_needs_one_opens_nothing_before_it",),
    ),
    Fault(
        LIMITS,
        """keys = {"code": f"code:{digest(name)}"}""",
        """keys = {"code": f"code:{secrets.token_hex()}"}""",
        (FACTOR_PAGES + "test_a_wrong_code_is_told_counted_and_after_five_none_is_looked_at",),
    ),
    Fault(
        "amicopy/copies/operations/second_factors.py",
        "step <= app.counter:",
        "step < 0:",
        (
            FACTORS + "test_a_code_of_the_app_counts_once",
            FACTOR_PAGES + "test_a_code_that_signed_in_signs_nobody_else_in",
        ),
    ),
    Fault(
        "amicopy/copies/operations/second_factors.py",
        "digest=digest_of(text), used_at=None)",
        "digest=digest_of(text))",
        (FACTORS + "test_a_recovery_code_counts_once_and_new_ones_end_the_old",),
    ),
    Fault(
        "amicopy/web/passkeys.py",
        'return urlsplit(settings.SITE_URL).hostname or ""',
        'return "looks-like-it.example"',
        (PASSKEYS + "test_a_passkey_is_added_signs_in_and_is_asked_again",),
        alone=True,
    ),
    Fault(
        "amicopy/web/passkeys.py",
        "resident_key_requirement=ResidentKeyRequirement.PREFERRED,\n"
        "        user_verification=UserVerificationRequirement.REQUIRED,",
        # A browser's device checks for itself before it keeps a key that it finds without a name.
        "resident_key_requirement=ResidentKeyRequirement.DISCOURAGED,\n"
        "        user_verification=UserVerificationRequirement.DISCOURAGED,",
        (PASSKEYS + "test_an_authenticator_that_knows_nobody_there_is_not_enough",),
        alone=True,
    ),
    Fault(
        "amicopy/copies/operations/second_factors.py",
        "counter <= stored.counter):",
        "counter < 0):",
        (FACTORS + "test_a_passkey_whose_counter_went_back_is_refused",),
    ),
    Fault(
        "amicopy/copies/operations/second_factors.py",
        "sealed_secret=sealing.seal(secret), counter=step",
        "sealed_secret=secret, counter=step",
        (FACTORS + "test_neither_database_nor_history_holds_a_secret",),
    ),
    Fault(
        "amicopy/web/views/second_factors.py",
        "request.session[NEW_APP] = sealing.seal(secret)",
        'request.session[NEW_APP], request.session["app"] = sealing.seal(secret), secret',
        (FACTOR_PAGES + "test_a_wrong_code_adds_no_app_and_keeps_the_key",),
    ),
    Fault(
        "amicopy/web/sessions.py",
        "min(now + _idle(), began + timedelta(hours=settings.SESSION_HOURS))",
        "now + _idle()",
        ("tests/web/test_sessions.py::test_a_session_ends_after_its_last_click_and_at_last",),
    ),
    Fault(
        "amicopy/web/sessions.py",
        "return bool(_end(actor, user, _of(user).filter(session_key__in=keys)))",
        "return bool(keys)",
        ("tests/web/test_sessions.py::test_somebody_sees_where_they_are_signed_in_and_ends_one",),
    ),
    Fault(
        "amicopy/web/openid.py",
        "sorted(ALGORITHMS.intersection(offered))",
        '["RS256", "HS256", "none"]',
        (SIGN_ON + "test_a_forged_token",),
    ),
    Fault(
        "amicopy/web/openid.py",
        '        "aud": {"essential": True, "value": provider.client_id},\n',
        "",
        (SIGN_ON + "test_a_token_that_is_not_for_this_sign_on",),
    ),
    Fault(
        "amicopy/web/openid.py",
        "claims_options=checked, leeway=LEEWAY",
        "claims_options=checked, leeway=60",
        (SIGN_ON + "test_clocks_may_differ_by_two_minutes",),
    ),
    Fault(
        "amicopy/web/openid.py",
        "claims = jwt.decode(token, KeySet.import_key_set(app.fetch_jwk_set()), registry=good).claims",
        "from base64 import urlsafe_b64decode\n    from json import loads\n"
        '    claims = loads(urlsafe_b64decode(token.split(".")[1] + "=="))',
        (ENDED + "test_a_forged_one_ends_nothing",),
    ),
    Fault(
        "amicopy/web/openid.py",
        '        aud={"essential": True, "value": provider.client_id},\n',
        "",
        (ENDED + "test_a_token_that_is_none_for_us_ends_nothing",),
    ),
    Fault(
        "amicopy/web/sign_on_sessions.py",
        "        if not new:\n",
        "        if False:\n",
        (ENDED + "test_a_token_counts_once",),
    ),
    Fault(
        "amicopy/web/openid.py",
        "turns = turns or _turns",
        "turns = _turns",
        (ENDED + "test_a_provider_that_is_away_is_told_to_try_again",),
    ),
    Fault(
        "amicopy/web/password_again.py",
        '        *("sign-on-link", "sign-on-unlink"),\n',
        "",
        (SIGN_ON_LINKS + "test_it_asks_for_the_password_again",),
        alone=True,
    ),
    Fault(
        "amicopy/web/sign_on_links.py",
        "if not wanted(request, provider):",
        "if False:",
        (SIGN_ON_LINKS + "test_nobody_is_linked_who_has_not_asked_for_it_a_moment_ago",),
    ),
    Fault(
        "amicopy/copies/operations/sign_on.py",
        "if there is not None and there.person_id != user.pk:",
        "if False:",
        (SIGN_ON_LINKS + "test_what_is_somebody_elses_is_never_taken_over",),
    ),
    Fault(
        "amicopy/copies/operations/sign_on.py",
        "if identity.unlinked_at is not None:",
        "if False:",
        (SIGN_ON_LINKS + "test_unlinked_it_opens_nothing_and_makes_nobody_new",),
    ),
    Fault(
        "amicopy/copies/operations/confirmations.py",
        "sign_on.end_links(user, since=min(let_in), actor=actor)",
        "pass",
        (SIGN_ON_LINKS + "test_what_others_could_have_linked_ends_with_the_confirmation",),
    ),
    Fault(
        "amicopy/web/views/sign_on.py",
        'answer.delete_cookie(COOKIE, path=reverse("sign-on", args=[name]), samesite="Lax")',
        "pass",
        (SIGN_ON + "test_a_way_back_counts_once_and_in_its_own_browser",),
    ),
    Fault(
        "amicopy/web/openid.py",
        "DjangoIntegration(provider.name),",
        'DjangoIntegration("any"),',
        (SIGN_ON + "test_a_cookie_of_another_provider_or_a_changed_one_opens_nothing",),
    ),
    Fault(
        "amicopy/copies/operations/sign_on.py",
        'raise Refused("address-taken")',
        "return Identity.objects.create(person=User.objects.get(email__iexact=said.email), issuer=provider.issuer, "
        "subject=said.subject, made_at=timezone.now(), seen_at=timezone.now())",
        (SIGN_ON + "test_people_are_matched_by_issuer_and_subject_and_never_by_address",),
    ),
    Fault(
        "amicopy/copies/operations/sign_on.py",
        "issuer=provider.issuer, subject=said.subject).first()",
        "issuer=provider.issuer, person__email=said.email).first()",
        (SIGN_ON + "test_a_subject_that_changes_address_and_name_is_the_same_person",),
    ),
    Fault(
        "amicopy/web/views/sign_on.py",
        "login(request, user, backend=BACKEND)",
        'request.session.update({"_auth_user_id": str(user.pk), "_auth_user_backend": BACKEND, '
        '"_auth_user_hash": user.get_session_auth_hash()})\n        request.user = user',
        (SIGN_ON + "test_a_session_gets_another_key",),
    ),
    Fault(
        "amicopy/web/views/sign_on.py",
        "return to if safe and len(to)",
        "return to if to and len(to)",
        (SIGN_ON + "test_it_leads_to_no_other_site",),
    ),
    Fault(
        "amicopy/web/views/sign_on.py",
        "    answer = redirect(url)\n",
        '    answer = redirect(url)\n    request.session["how"] = how\n',
        (SIGN_ON + "test_nothing_is_written_before_somebody_is_back",),
    ),
    Fault(
        "amicopy/web/openid.py",
        'if metadata.get("issuer") != self.issuer:',
        "if False:",
        (SIGN_ON + "test_a_provider_that_sends_nonsense_gets_a_page",),
    ),
    Fault(
        "amicopy/web/openid.py",
        'raise Fault("nonsense") from None',
        "raise",
        (SIGN_ON + "test_nonsense_on_the_way_back_is_no_half_sign_in",),
    ),
    Fault(
        "amicopy/web/openid.py",
        'raise Fault("busy")',
        "pass",
        (SIGN_ON + "test_a_provider_that_is_down_or_hangs",),
    ),
    Fault(
        "amicopy/web/openid.py",
        'raise Fault("asks" if error.error in ASKS else "refused") from None',
        'raise Fault("unreachable") from None',
        (SIGN_ON + "test_a_session_that_ended_at_the_provider_ends_here",),
    ),
    Fault(
        "amicopy/copies/operations/sign_on.py",
        '_have(user, set(), provider.mapped, actor=actor, why="not signed on lately")',
        "pass",
        (ARRIVALS + "test_what_groups_gave_ends_when_nobody_signs_on",),
    ),
    Fault(
        LIMITS,
        " or not password_opens(name):",
        ":",
        (SIGN_ON + "test_passwords_are_hidden_and_one_administrator_stays",),
    ),
    Fault(
        "amicopy/web/views/sign_on.py",
        'record("person.signed_in", actor=actor_of(request), data={"provider": provider.name})',
        'record("person.signed_in", actor=actor_of(request), data={"provider": provider.client_secret})',
        (SIGN_ON + "test_no_secret_of_a_provider_stands_on_a_page_or_in_the_history",),
    ),
    Fault(
        "amicopy/api/ec2/signers.py",
        "if not signatures.is_signed_with(secret, claim, received):",
        "if False:",
        (SIGNERS + "test_a_wrong_secret_is_refused", SIGNERS + "test_what_was_changed_on_the_way_is_refused"),
    ),
    Fault(
        "amicopy/copies/operations/access_keys.py",
        ".get(access_key_id=access_key_id)",
        ".get(access_key_id__startswith=access_key_id[:4])",
        (SIGNERS + "test_a_key_that_is_nobodys_and_a_token_of_the_api_open_nothing",),
    ),
    Fault(
        "amicopy/api/ec2/door.py",
        "if not settings.EC2_DOOR:",
        "if False:",
        (SIGNERS + "test_it_is_off_unless_it_is_switched_on",),
    ),
    Fault(
        "amicopy/api/ec2/signers.py",
        "    _see(claim)\n",
        "",
        (SIGNERS + "test_a_signature_counts_once_in_whatever_process",),
    ),
    Fault(
        "amicopy/api/ec2/signers.py",
        "if abs(now - at) > SeenSignature.WINDOW:",
        "if now - at > SeenSignature.WINDOW:",
        (SIGNERS + "test_the_clock_window_is_fifteen_minutes",),
    ),
    Fault(
        "amicopy/api/ec2/signers.py",
        "if not signatures.body_is_signed(received):",
        "if False:",
        (SIGNERS + "test_a_body_that_is_not_signed_as_it_is_sent_is_refused",),
    ),
    Fault(
        "amicopy/api/ec2/signers.py",
        "if not signatures.covers_all(claim, received):",
        "if False:",
        (SIGNERS + "test_everything_that_matters_has_to_be_signed",),
    ),
    Fault(
        "amicopy/copies/operations/tokens.py",
        "sealing.seal(text) if access_key",
        "text if access_key",
        (KEYS + "test_neither_database_nor_history_holds_the_secret",),
    ),
    Fault(
        "amicopy/copies/operations/tokens.py",
        'row.revoked_at, row.sealed_secret = timezone.now(), ""',
        "row.revoked_at = timezone.now()",
        ("tests/web/test_token_pages.py::test_an_access_key_is_revoked_with_its_secret",),
    ),
    Fault(
        "amicopy/copies/operations/tokens.py",
        "USED.get(access_key_id=None, digest=digest_of(text))",
        "USED.get(digest=digest_of(text))",
        (SIGNERS + "test_the_secret_of_a_key_is_no_token_of_the_api",),
    ),
    Fault(
        "amicopy/cli/amicopy_cli/login.py",
        "mode & (stat.S_IRWXG | stat.S_IRWXO)",
        "mode & 0",
        (CLI + "test_login_keeps_server_and_token_for_who_logged_in",),
        alone=True,
    ),
    Fault(
        "amicopy/cli/amicopy_cli/login.py",
        'if parts.scheme == "http" and not _is_here(host):',
        "if False:",
        (CLI + "test_only_https_and_this_machine",),
        alone=True,
    ),
    Fault(
        "amicopy/cli/amicopy_cli/client.py",
        "verify=_trusted(self.whose.ca_bundle),",
        "verify=False,",
        (CLI + "test_certificates_are_looked_at",),
        alone=True,
    ),
    Fault(
        "amicopy/cli/amicopy_cli/client.py",
        "            timeout=TIMEOUT,\n",
        "            timeout=TIMEOUT,\n            follow_redirects=True,\n",
        ("tests/cli/test_following.py::test_what_isn_t_amicopy_is_said",),
        alone=True,
    ),
    Fault(
        "static/try.js",
        "    const headers = new Headers(",
        '    localStorage.setItem("token", one("#try-token").value);\n    const headers = new Headers(',
        ("tests/journey/test_trying_calls.py::test_a_call_is_made_with_the_token_and_nothing_is_kept",),
        alone=True,
    ),
    Fault(
        "amicopy/api/token_auth.py",
        "            row = tokens.used(token.strip(), address=address_of(request))\n",
        "            if request.user.is_authenticated:\n"
        '                row = ApiToken.objects.filter(person=request.user.pk).latest("pk")\n'
        "            else:\n"
        "                row = tokens.used(token.strip(), address=address_of(request))\n",
        ("tests/journey/test_trying_calls.py::test_the_session_alone_opens_nothing",),
        alone=True,
    ),
    Fault(
        "static/try.js",
        'credentials: "omit"',
        'credentials: "include"',
        ("tests/journey/test_trying_calls.py::test_the_session_alone_opens_nothing",),
        alone=True,
    ),
    Fault(
        "amicopy/api/reference.py",
        "if settings.SANDBOX and settings.API_ENABLED:",
        "if settings.API_ENABLED:",
        ("tests/api/test_reference.py::test_a_call_can_be_tried_in_the_sandbox_alone",),
    ),
    Fault(
        "docs/recipes/copy.sh",
        "exec amicopy request \\\n",
        'exec amicopy request --token "$AMICOPY_TOKEN" \\\n',
        ("tests/api/test_recipe_files.py::test_no_script_has_a_token_among_arguments",),
        alone=True,
    ),
    Fault(
        "amicopy/copies/operations/tokens.py",
        "            digest=digest_of(text),\n",
        "            digest=text,\n",
        (TOKENS + "test_a_token_is_kept_as_its_digest_alone",),
    ),
    Fault(
        "amicopy/copies/operations/tokens.py",
        "if row.addresses and not _within(address, row.addresses):",
        "if False:",
        ("tests/api/test_tokens_at_the_door.py::test_a_token_holds_for_its_addresses",),
    ),
    Fault(
        "amicopy/api/token_auth.py",
        'if IN_QUERY.search(request.META.get("QUERY_STRING", "")) or "access_token" in request.GET:',
        "if False:",
        ("tests/api/test_tokens_at_the_door.py::test_a_token_in_an_address_is_refused_and_said",),
    ),
)

SENT = (
    Fault(
        "amicopy/web/views/errors.py",
        'return HttpResponse(render_to_string("400.html"), status=400)',
        'return render(request, "400.html", {"sent": request.POST}, status=400)',
        (DOOR + "test_a_broken_body_is_never_an_error_of_the_server",),
    ),
    Fault(
        "amicopy/web/views/errors.py",
        'return render(request, "404.html", status=404)',
        'return render(request, "404.html", status=500)',
        ("tests/web/test_fuzz_addresses.py::test_garbage_at_any_address_is_never_an_error_of_the_server",),
    ),
    Fault(
        "amicopy/web/door.py",
        "if not is_utf8(charset) and not request",
        "if False and not request",
        (DOOR + "test_another_charset_is_refused_at_every_address",),
    ),
    Fault(
        "amicopy/web/utf8_request.py",
        'self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))',
        "super()._set_content_type_params(meta)",
        (
            DOOR + "test_no_codec_of_pythons_decodes_an_address",
            SERVER + "test_a_charset_is_refused_by_the_server_itself",
            SERVER + "test_no_bytes_are_an_error_of_the_server",
        ),
        alone=True,
    ),
    Fault(
        "templates/requests/new/_reason.html",
        '{{ form.data.reason|default:"" }}',
        '{{ form.data.reason|default:""|safe }}',
        ("tests/web/test_fuzz.py::test_whatever_is_sent_is_refused_with_words_or_accepted_by_aws",),
        alone=True,
    ),
    Fault(
        "amicopy/logs/lines.py",
        r'CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", super().formatMessage(record))',
        "super().formatMessage(record)",
        (LINES + "test_what_was_sent_begins_no_line",),
    ),
    Fault(
        "amicopy/logs/lines.py",
        r'.replace("\n", "\n\t")',
        "",
        (LINES + "test_a_traceback_is_moved_in",),
    ),
    Fault("amicopy/logs/secrets.py", "for form in _forms:", "for form in ():", (SECRETS + "test_a_secret_is_hidden",)),
    Fault(
        "amicopy/logs/secrets.py",
        "for value in _own():",
        "for value in ():",
        (SECRETS + "test_a_secret_in_a_traceback_is_hidden",),
    ),
    Fault(
        "amicopy/logs/lines.py",
        "record.exc_info = record.exc_text = None",
        "pass",
        (LINES + "test_what_was_refused_leaves_one_line",),
    ),
    Fault(
        "amicopy/notify/outbox.py",
        '" ".join(notice.subject.split())[:250]',
        "notice.subject[:250]",
        ("tests/notify/test_deliveries.py::test_a_line_break_in_a_name_stays_out_of_the_headers",),
    ),
    Fault(
        "amicopy/audit/lines.py",
        'return "\'" + cell if',
        "return cell if",
        ("tests/audit/test_lines.py::test_no_cell_of_a_csv_file_is_a_formula",),
    ),
    Fault(
        "amicopy/copies/requests/verbs.py",
        "if earlier is not None and earlier.requester_id != user.pk:",
        "if False:",
        ("tests/web/test_form.py::test_a_form_that_somebody_else_sent_is_kept_and_can_be_sent_as_a_new_one",),
    ),
    Fault(
        "amicopy/web/forms/row_buttons.py",
        "if not (index.isascii() and index.isdecimal()) or",
        'if not __import__("re").fullmatch(r"\\d+", index) or',
        (
            "tests/test_digits.py::test_no_row_is_removed_by_a_number_of_another_script",
            "tests/test_digits.py::test_no_other_pattern_takes_digits_of_every_script",
        ),
        alone=True,
    ),
    Fault(
        "amicopy/consumer.py",
        'headers["task"] not in tasks:',
        "False:",
        ("tests/test_consumer.py::test_what_is_not_amicopys_has_a_fault",),
    ),
    Fault(
        "amicopy/consumer.py",
        "            if fault:\n",
        "            if False:\n",
        ("tests/journey/test_bad_messages.py::test_o7_workers_outlive_messages_that_are_not_amicopys",),
        alone=True,
    ),
    Fault(
        "amicopy/rsgi.py",
        "await asyncio.wait_for(self._read(scope, protocol, body), settings.REQUEST_SECONDS)",
        'self.page_threads.submit(__import__("time").sleep, 60.0)\n                '
        "await asyncio.wait_for(self._read(scope, protocol, body), settings.REQUEST_SECONDS)",
        (SLOW + "test_a_hundred_slow_requests_stop_no_page",),
        alone=True,
    ),
    Fault(
        "amicopy/web/management/commands/serve.py",
        "CONNECTIONS = 4096",
        "CONNECTIONS = 1000",
        (SLOW + "test_a_thousand_idle_connections_stop_no_page",),
        alone=True,
    ),
    Fault(
        "amicopy/rsgi.py",
        "if self.held > ALL_BODIES:",
        "if False:",
        (SLOW + "test_many_large_bodies_at_once_are_refused_before_they_fill_the_memory",),
        alone=True,
    ),
    Fault(
        "amicopy/copies/lookups/async_queries.py",
        "if _busy[account] < OF_ACCOUNT:",
        "if True:",
        ("tests/copies/test_lookup_limits.py::test_an_account_that_hangs_leaves_the_others_their_threads",),
    ),
    Fault(
        "amicopy/copies/lookups/async_queries.py",
        "LIMIT_SECONDS = 3.0\n# How many pages of a process may wait at the same time.\nWAITING = 2\n",
        "LIMIT_SECONDS = 60.0\nWAITING = 200\n",
        ("tests/journey/test_hanging_lookups.py::test_a_dashboard_answers_while_every_look_up_hangs",),
        alone=True,
    ),
    Fault(
        "amicopy/copies/core/minute_counts.py",
        "cursor.execute(TAKE, [key, began, taken])",
        'cursor.execute(TAKE.replace("kept.count + ", ""), [key, began, taken])',
        ("tests/copies/test_minute_counts.py::test_two_processes_give_out_no_more_than_there_is",),
    ),
    Fault(
        "amicopy/web/unsent_posts.py",
        "_drop_oldest(UnsentPost.objects.all(), OF_ALL)",
        "pass",
        (TABLES + "test_forms_sent_while_signed_out_are_few_for_each_address_and_few_in_all",),
    ),
    Fault(
        "amicopy/web/unsent_posts.py",
        'if request.method != "POST" or not getattr(view, "keeps_unsent", False):',
        'request.session["sent"] = True\n    if request.method != "POST" or not getattr(view, "keeps_unsent", False):',
        (TABLES + "test_nothing_else_that_is_sent_while_signed_out_is_written_down",),
    ),
    Fault(
        "amicopy/web/uploads.py",
        'raise MultiPartParserError("No page takes files.")',
        "return None",
        ("tests/web/test_uploads.py::test_a_file_is_refused_before_it_is_kept",),
    ),
)

DECISIONS = (
    Fault(
        PERMISSIONS,
        "    if request.requester_id == user.pk:\n        raise",
        "    if False:\n        raise",
        (
            "tests/web/test_pages.py::test_deciding_on_ones_own_request_is_refused_with_words",
            "tests/web/test_roles.py::test_a_superuser_with_every_role_does_not_decide_on_their_own_request",
            TOKENS + "test_who_asked_with_a_token_does_not_decide_on_it",
        ),
    ),
    Fault(
        VOTERS,
        "        and person.pk not in {*given.groups, request.requester_id}\n"
        "        and hands.apart(request.requester_id, person.pk)\n",
        "        and person.pk not in given.groups\n",
        (APPROVALS + "test_a_requesters_vote_handed_over_does_not_decide_on_their_request",),
    ),
    Fault(
        VOTERS,
        'return [user, *deciders().filter(pk__in=handed).exclude(pk=user.pk).order_by("pk")]',
        'givers = deciders().filter(pk__in=handed).exclude(pk=user.pk).order_by("pk")\n'
        "    return [user, *(each for giver in givers for each in reversed(principals(giver)))]",
        (APPROVALS + "test_a_delegation_is_not_handed_on",),
    ),
    Fault(
        PERMISSIONS,
        '    _check_not_own(user, request)\n    if not user.is_active or not user.has_perm("copies.break_glass"):',
        '    if not user.is_active or not user.has_perm("copies.break_glass"):',
        (APPROVALS + "test_nobody_breaks_the_glass_on_their_own_request",),
    ),
    Fault(
        PERMISSIONS,
        "    if not may_manage_people(user):",
        "    if False:",
        ("tests/web/test_roles.py::test_a_cell[people GET  requester]",),
    ),
    Fault(
        "amicopy/copies/core/request_models.py",
        "return self if seen is None else self.filter(requester__in=seen)",
        "return self",
        ("tests/web/test_pages.py::test_a_requester_sees_and_moves_only_their_own_requests",),
    ),
    Fault(
        VOTERS,
        "            and decision.content_hash == by_number[number].content_hash\n",
        "",
        ("tests/copies/test_approval_rounds.py::test_votes_for_other_content_do_not_count_whatever_the_round_says",),
    ),
    Fault(
        "amicopy/copies/core/content.py",
        '            "keys": list(content.keys),\n',
        "",
        (KEY_BINDING + "test_another_key_behind_the_alias_voids_the_approval",),
    ),
    Fault(
        "amicopy/copies/lifecycle/source_binding.py",
        "    if found != copy.key_seen:",
        "    if False:",
        (KEY_BINDING + "test_an_alias_pointed_elsewhere_stops_the_copy_until_it_points_back",),
    ),
    Fault(
        GATE,
        'if request.hash_of_content(copies) != said["content_hash"]:',
        "if False:",
        (GATE_TESTS + "test_a_row_changed_behind_amicopy_stops_every_copy",),
    ),
    Fault(
        GATE,
        'raise NotApproved(f"The history has no approval of request #{request.pk}{where}.")',
        "return",
        (GATE_TESTS + "test_a_request_moved_to_approved_by_hand_is_not_copied",),
    ),
    Fault(
        GATE,
        '(each.kind, each.content_hash, each.requester_id) == (kind, said["content_hash"], request.requester_id)',
        '(each.kind, each.content_hash) == (kind, said["content_hash"])',
        (GATE_TESTS + "test_a_decision_whose_requester_lies_counts_for_nothing",),
    ),
    Fault(
        GATE,
        'said["votes"].items() if int(person) in stored}',
        'said["votes"].items()}',
        (GATE_TESTS + "test_an_event_without_the_votes_it_speaks_of_is_not_enough",),
    ),
    Fault(
        "amicopy/copies/operations/people.py",
        "if user.is_superuser and not me.is_superuser:",
        "if False:",
        ("tests/copies/test_people.py::test_a_superusers_password_is_no_administrators_to_set",),
    ),
    Fault(
        POWER,
        "    _store(person, kind, by=by.id, detail=detail)",
        "    return",
        (
            POWER_TESTS + "test_what_a_requester_gave_keeps_the_vote_from_counting_until_somebody_else_confirms",
            POWER_TESTS + "test_who_was_made_by_somebody_one_made_counts_as_one_with_both",
            POWER_TESTS + "test_nobody_decides_for_somebody_they_made",
            POWER_TESTS + "test_two_people_one_administrator_made_up_are_one",
            "tests/copies/test_single_attacker.py::test_no_program_runs_a_copy_without_somebody_else",
            FACTOR_PAGES + "test_an_attacker_who_resets_takes_over_and_votes_is_not_counted",
            TEAMS + "test_people_of_ones_own_making_in_a_team_approve_nothing_for_their_maker",
        ),
    ),
    Fault(
        VOTERS,
        "if not (hands.apart(owner, mine) and hands.apart(by, theirs)):",
        "if False:",
        (
            ONE_HAND + "test_two_approvals_from_one_hand_are_one",
            OF_TEAMS + "test_one_hand_gives_one_vote_by_whatever_team",
        ),
    ),
    Fault(
        VOTERS,
        "Q(group__in=user.groups.all())",
        'Q(group_name__in=user.groups.values("name"))',
        (OF_TEAMS + "test_a_team_made_again_under_the_name_has_none_of_it",),
    ),
    Fault(
        "amicopy/copies/voting/team_power.py",
        "found[pk].givers.append(name)\n        found[pk].joining_gives_power = True",
        "found[pk].givers.append(name)",
        (OF_TEAMS + "test_joining_a_team_that_a_vote_was_handed_to_takes_two",),
    ),
    Fault(
        VOTERS,
        "hands.apart(owner, whose(each), at=at) and hands.apart(by, each.decided_by_id, at=at) for each in found",
        "True for each in found",
        (ONE_HAND + "test_of_two_that_are_stored_the_first_counts_and_the_gate_counts_so_too",),
    ),
    Fault(
        VOTERS,
        "able = _as_one(free(able, requester.pk, hands), hands)",
        "able = free(able, requester.pk, hands)",
        (ONE_HAND + "test_what_only_one_hand_could_approve_is_refused_when_it_is_asked",),
    ),
    Fault(
        "amicopy/copies/operations/second_factors.py",
        "power.give(user, Grant.Kind.SECOND_FACTOR, by=actor)",
        "pass",
        (FACTORS + "test_a_reset_gives_a_hand_until_somebody_else_confirms",),
    ),
    Fault(
        "amicopy/copies/voting/demands.py",
        "if shown is None or timezone.now() - shown > _age(demand):",
        "if shown is None:",
        ("tests/copies/test_demands.py::test_a_second_factor_is_wanted_at_the_decision",),
    ),
    Fault(
        "amicopy/copies/voting/demands.py",
        "    if actor.token is not None:",
        "    if False:",
        ("tests/copies/test_demands.py::test_a_program_shows_nothing",),
    ),
    Fault(
        "amicopy/copies/operations/confirmations.py",
        "    if let_in:\n",
        "    if False:\n",
        (TOKENS + "test_what_others_could_have_made_ends_when_the_person_is_confirmed",),
    ),
    Fault(
        POWER,
        "if user in able and hands.apart(user, grant.given_by_id)]",
        "if user in able]",
        (
            POWER_TESTS + "test_two_administrators_one_made_up_confirm_nothing_for_each_other",
            POWER_TESTS + "test_a_confirmation_by_somebody_taken_over_does_not_count",
        ),
    ),
    Fault(
        "amicopy/copies/operations/sign_on.py",
        'source="page", address=address)',
        'source="page", address=address, id=getattr(User.objects.order_by("pk").first(), "pk", None))',
        (ARRIVALS + "test_whom_a_provider_vouches_for_is_nobodys_making",),
    ),
    Fault(
        "amicopy/copies/operations/people.py",
        "power.give(user, Grant.Kind.ROLE, by=actor, detail=role)",
        "pass",
        (ARRIVALS + "test_what_an_administrator_gives_on_top_is_still_theirs",),
    ),
    Fault(
        "amicopy/copies/operations/sign_on.py",
        "lost = held - wanted",
        "lost = held - held",
        (ARRIVALS + "test_an_administrator_changes_nothing_of_the_table",),
    ),
    Fault(
        "amicopy/providers.py",
        "for name in table.get(group, ())}",
        "for name in table.get(group, (group,))}",
        (ARRIVALS + "test_no_administrator_by_default",),
    ),
    Fault(
        "amicopy/copies/operations/sign_on.py",
        'lost = _have(user, set(), provider.mapped, actor=actor, why=f"groups {groups}")',
        "lost = set[str]()",
        (ARRIVALS + "test_an_absent_claim_takes_and_tells_administrators_once_an_hour",),
    ),
    Fault(
        VOTERS,
        "now = groups_of(deciders().filter(pk__in=people)) if people else {}",
        "now = groups_of(User.objects.filter(pk__in=people)) if people else {}",
        (ARRIVALS + "test_a_person_without_the_role_loses_their_pending_vote",),
    ),
    Fault(
        "amicopy/copies/operations/proposals.py",
        "return Mode.ALONE if second_person.alone(user, permission) else Mode.BY_TWO",
        "return Mode.ALONE",
        (PROPOSALS + "test_a_rule_waits_for_another_administrator_and_counts_once_they_confirm",),
    ),
    Fault(
        "amicopy/copies/voting/facts.py",
        """        if lone_changes.wrote_rules(self.requester):
            return True
        return not second_person.automatic_approval_applies(self.requester)

    @cached_property
    def rulebooks_before(self) -> list[tuple[str, list[ApprovalRule]]]:
        \"\"\"The rules as they stood before the requester changed them without anybody else, with who did.\"\"\"
        return lone_changes""",
        """        return False

    @cached_property
    def rulebooks_before(self) -> list[tuple[str, list[ApprovalRule]]]:
        \"\"\"The rules as they stood before the requester changed them without anybody else, with who did.\"\"\"
        return [] and lone_changes""",
        (
            PROPOSALS + "test_a_rule_that_asks_nobody_is_not_for_its_only_writer_nor_for_whom_they_added",
            POWER_TESTS + "test_nobodys_own_rules_let_their_copies_run",
        ),
    ),
    Fault(
        "amicopy/copies/voting/lone_changes.py",
        "_keep(Kind.RULES, actor, fingerprint(after), before)",
        "pass",
        ("tests/copies/test_lone_changes.py::test_a_rule_made_weaker_alone_asks_its_writer_for_as_much_as_before",),
    ),
    Fault(
        "amicopy/copies/voting/lone_changes.py",
        "_keep(Kind.FREEZE, actor, fingerprint([window.pk, before]), before)",
        "pass",
        ("tests/copies/test_lone_changes.py::test_a_freeze_lifted_alone_holds_its_lifters_copies_as_before",),
    ),
    Fault(
        "amicopy/copies/operations/proposals.py",
        "if change.harmless(before, after) or before == after:",
        "if True:",
        (PROPOSALS + "test_each_change_that_gives_power_waits_and_is_done_when_confirmed",),
    ),
    Fault(
        "amicopy/copies/migrations/0026_proposals.py",
        "('state__in', ('confirmed', 'rejected')), _negated=True)",
        "('state__in', ('rejected',)), _negated=True)",
        (PROPOSALS + "test_the_database_too_refuses_a_proposer_who_confirms",),
        alone=True,
    ),
    Fault(
        "amicopy/copies/operations/proposal_decisions.py",
        "    if proposal.state != State.WAITING:",
        "    if False:",
        ("tests/copies/test_proposal_races.py::test_two_confirm_at_the_same_instant_and_it_is_done_once",),
        postgresql=True,
    ),
    Fault(
        "amicopy/copies/voting/second_person.py",
        " and not _pushed_out(own)",
        "",
        (PROPOSALS + "test_who_pushes_the_others_out_is_not_the_only_administrator",),
    ),
    Fault(
        "amicopy/copies/voting/second_person.py",
        "own = {user.pk, *power.reach(user.pk, MADE)}",
        "own = {user.pk}",
        (PROPOSALS + "test_somebody_of_ones_own_making_is_no_second_person",),
    ),
    Fault(
        "amicopy/copies/voting/second_person.py",
        "for other in others if hands.apart(user.pk, other)])",
        "for other in others])",
        (PROPOSALS + "test_who_takes_over_another_account_cannot_confirm_with_it",),
    ),
    Fault(
        "amicopy/copies/operations/password_links.py",
        "    if not mailed:\n",
        "    if True:\n",
        (LINKS + "test_a_link_goes_to_the_persons_own_address_and_is_stored_nowhere",),
    ),
    Fault(
        "amicopy/copies/operations/password_links.py",
        "power.give(user, Grant.Kind.PASSWORD, by=maker)",
        "pass",
        (LINKS + "test_a_link_works_once_and_its_use_is_a_hand_in_the_person",),
    ),
    Fault(
        "amicopy/copies/operations/password_links.py",
        "    _still_open(user).update(ended_at=timezone.now())\n",
        "",
        (LINKS + "test_a_link_ends_with_the_next_one_with_being_switched_off_with_another_address_and_with_time",),
    ),
    Fault(
        "amicopy/web/password_again.py",
        "if not on_demand and _just_shown(request):",
        "if not on_demand:",
        (
            "tests/web/test_password_again.py::test_it_asks_keeps_what_was_typed_and_goes_on_with_the_password",
            "tests/web/test_password_again.py::test_breaking_the_glass_asks",
        ),
    ),
    Fault(
        "amicopy/api/ec2/copy_requests.py",
        "!= [(call.DestinationRegion, call.parameters)]:",
        "== []:",
        ("tests/api/test_ec2_asking.py::test_a_request_that_a_person_changed_never_passes_for_the_call",),
    ),
    Fault(
        "amicopy/api/ec2/copy_requests.py",
        "rows = CopyRequest.objects.filter(requester=key.person, account__account_id=key.accounts[0])",
        "rows = CopyRequest.objects.filter(account__account_id=key.accounts[0])",
        ("tests/api/test_ec2_asking.py::test_somebody_elses_same_call_is_their_own_request",),
    ),
    Fault(
        "amicopy/copies/operations/tokens.py",
        'raise NotAllowed("A token can\'t make tokens. Sign in for that.")',
        "pass",
        (TOKENS + "test_a_token_makes_and_revokes_no_tokens",),
    ),
    Fault(
        PERMISSIONS,
        "    if owns(user, request):\n",
        "    if False:\n",
        (SERVICES + "test_owner_and_maker_do_not_decide_and_somebody_else_does",),
    ),
    Fault(
        POWER,
        '    _store(service, Grant.Kind.OWNER, by=owner.pk, detail="")',
        "    return",
        (
            SERVICES + "test_who_counts_as_one_with_an_owner_counts_as_one_with_the_service",
            SERVICES + "test_an_owner_of_before_decides_on_nothing_either",
        ),
    ),
    Fault(
        PERMISSIONS,
        "return everybody.filter(service=None)",
        "return everybody",
        (SERVICES + "test_given_a_role_behind_amicopy_it_still_decides_nothing",),
    ),
    Fault(
        POWER,
        "if user != person.pk and not hands.owns(user, person.pk)}",
        "if user != person.pk}",
        (SERVICES + "test_no_owner_of_before_confirms_it_nor_who_counts_as_one_with_one",),
    ),
    Fault(
        "amicopy/copies/voting/second_person.py",
        "(*LET_IN, Grant.Kind.OWNER)",
        "LET_IN",
        (SERVICES + "test_given_away_it_still_asks_somebody_where_its_owner_of_before_writes_the_rules_alone",),
    ),
    Fault(
        "amicopy/copies/voting/team_power.py",
        "            use.rules.append(rule.name)\n            use.joining_gives_power = True\n",
        "            use.rules.append(rule.name)\n",
        (
            TEAMS + "test_joining_a_team_that_is_asked_takes_two",
            TEAMS + "test_a_team_filled_alone_does_not_decide_on_its_fillers_request",
        ),
    ),
    Fault(
        "amicopy/copies/voting/team_power.py",
        'in_it = [*_named(named, names_of(proposal.values.get("requirements", ())))]',
        "in_it = list[Uses]()",
        (TEAMS + "test_a_team_can_not_be_filled_while_a_rule_that_names_it_waits",),
    ),
    Fault(
        "amicopy/copies/voting/team_power.py",
        "for use in _named(named, _names_in_plans(state)):",
        "for use in ():",
        (TEAMS + "test_a_team_can_not_be_filled_while_a_request_waits_for_it",),
    ),
    Fault(
        "amicopy/copies/operations/teams.py",
        "if name in team_power.names_asked():",
        "if False:",
        (TEAMS + "test_no_team_takes_the_name_of_one_that_is_asked_and_gone",),
    ),
    Fault(
        "amicopy/copies/voting/team_power.py",
        "found[pk].budget = found[pk].leaving_gives_power = True",
        "found[pk].budget = True",
        (TEAMS + "test_leaving_a_team_that_rules_or_budgets_are_for_takes_two",),
    ),
    Fault(
        "amicopy/copies/operations/services.py",
        "_change(service, {*service.owners.all(), user}, actor=actor)",
        "pass",
        (TEAMS + "test_whoever_joins_a_team_owns_its_services_and_does_not_decide_on_what_they_ask",),
    ),
    Fault(
        "amicopy/copies/operations/people.py",
        'raise NotAllowed(f"{user.username} is a service account: nobody signs in as it.")',
        "pass",
        (SERVICES + "test_it_has_no_way_in",),
    ),
    Fault(
        LIMITS,
        "or service_of(user) or",
        "or",
        ("tests/web/test_service_pages.py::test_nobody_signs_in_as_one_even_with_a_password",),
    ),
)

OUTSIDE = (
    Fault(
        "amicopy/notify/addresses.py",
        "return ip.is_global and not special",
        "return ip.is_global",
        (ADDRESSES + "test_addresses_inside_a_network_are_not_public",),
    ),
    Fault(
        "amicopy/notify/addresses.py",
        "_refuse_private(host, [host])",
        "pass",
        (ADDRESSES + "test_a_private_address_is_refused_when_it_is_entered",),
    ),
    Fault(
        "amicopy/notify/addresses.py",
        'elif NUMBER.fullmatch(host.rpartition(".")[2]):',
        "elif False:",
        (ADDRESSES + "test_what_is_no_https_address_is_refused_with_words",),
    ),
    Fault(
        "amicopy/notify/addresses.py",
        "_refuse_private(target.host, addresses)",
        "pass",
        (ADDRESSES + "test_a_name_that_leads_inside_is_refused_when_it_is_called",),
    ),
    Fault(
        "amicopy/notify/addresses.py",
        "return addresses[0]",
        "return str(socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)[0][4][0])",
        (ADDRESSES + "test_a_name_is_resolved_once_and_that_address_is_called",),
    ),
    Fault(
        "amicopy/notify/webhooks.py",
        "            answer = connection.getresponse()\n",
        "            answer = connection.getresponse()\n"
        "            if answer.status == 307:\n"
        "                answer.read()\n"
        '                connection.request("POST", "/elsewhere", body, headers)\n'
        "                answer = connection.getresponse()\n",
        (DELIVERIES + "test_a_redirect_is_not_followed",),
    ),
    Fault(
        "amicopy/notify/webhooks.py",
        'f"The endpoint answered {status}.{redirected}"',
        'f"The endpoint answered {status}.{redirected} {endpoint.url}"',
        (DELIVERIES + "test_an_endpoint_that_fails_gets_the_same_id_again_and_its_answer_is_not_kept",),
    ),
    Fault(
        "amicopy/copies/operations/accounts.py",
        'before.get("external_id") or f"amicopy-{secrets.token_hex(16)}"',
        'before.get("external_id") or f"amicopy-{account.name}"',
        ("tests/web/test_account_pages.py::test_an_account_is_added_with_an_external_id_nobody_chose",),
    ),
    Fault(
        "amicopy/aws/policies.py",
        '            "Condition": {"StringEquals": {"sts:ExternalId": external_id}},\n',
        "",
        ("tests/aws/test_policies.py::test_a_role_trusts_one_principal_with_the_external_id",),
    ),
    Fault(
        "amicopy/copies/core/account_models.py",
        "return replace(self.aws(), role_arn=self.read_only_role_arn or self.role_arn)",
        "return self.aws()",
        ("tests/web/test_form_lookups.py::test_a_worker_asks_for_permissions_as_it_would_copy",),
    ),
    Fault(
        "amicopy/copies/operations/health/places.py",
        "if probe.allowed and not probe.looks]:",
        "if False]:",
        ("tests/copies/test_doctor.py::test_the_doctor_warns_of_a_read_only_role_that_may_copy",),
    ),
    Fault(
        "amicopy/settings/environment.py",
        '"KEY|SECRET|PASSWORD|TOKEN|URL"',
        '"PASSWORD|TOKEN"',
        ("tests/copies/test_people.py::test_changed_settings_are_an_event_once_and_without_secrets",),
        alone=True,
    ),
    Fault(
        "amicopy/notify/models.py",
        "filter(enabled=True, for_requests=True)",
        "filter(enabled=True)",
        (CALLBACKS + "test_only_what_administrators_opened_can_be_named",),
    ),
    Fault(
        "amicopy/notify/outbox.py",
        "or (endpoint.pk == notice.callback and notice.kind in FOR_CALLBACKS)",
        "or notice.kind in FOR_CALLBACKS",
        (CALLBACKS + "test_the_webhook_it_names_hears_of_the_request_and_of_no_other",),
    ),
    Fault(
        "amicopy/copies/requests/callbacks.py",
        "if user.pk != request.requester_id:",
        "if False:",
        (CALLBACKS + "test_nobody_sends_again_what_another_asked_for",),
    ),
    Fault(
        "amicopy/notify/models.py",
        "sealing.seal(static_headers.as_text(headers))",
        "static_headers.as_text(headers)",
        ("tests/notify/test_static_headers.py::test_the_database_does_not_hold_them_as_text",),
    ),
    Fault(
        "amicopy/notify/models.py",
        '            "headers": self.header_names,\n',
        '            "headers": [f"{name}: {value}" for name, value in self.headers.items()],\n',
        (
            "tests/web/test_message_pages.py::"
            "test_headers_and_a_second_signature_are_entered_and_their_values_never_shown",
        ),
    ),
    Fault(
        "amicopy/notify/signatures.py",
        "hmac.new(key.encode(), body, hashlib.sha256)",
        'hmac.new(key.encode(), b"", hashlib.sha256)',
        (CALLBACKS + "test_its_signatures_are_what_others_check",),
    ),
    Fault(
        "amicopy/notify/models.py",
        "self.sealed_key = sealing.seal(key)",
        'self.sealed_key, self.body_signature = sealing.seal(key), key.removeprefix("whsec_")',
        ("tests/notify/test_sealing.py::test_the_database_holds_neither_address_nor_key",),
    ),
)

HISTORY = (
    Fault(
        "amicopy/audit/models.py",
        "    update = delete = bulk_update",
        "    delete = bulk_update",
        (APPEND_ONLY + "test_the_model_refuses",),
        alone=True,
    ),
    Fault(
        "amicopy/audit/triggers.py",
        'cursor.execute(f"CREATE TRIGGER {name} {body}")',
        "pass",
        (APPEND_ONLY + "test_the_database_refuses",),
        alone=True,
    ),
    Fault(
        "docs/audit.md",
        "REVOKE UPDATE, DELETE ON audit_auditevent FROM amicopy_app;\n",
        "",
        ("tests/audit/test_grants.py::test_amicopys_role_can_undo_nothing",),
        alone=True,
        postgresql=True,
    ),
    Fault(
        "amicopy/audit/chain_verification.py",
        "if not fits(prev_hash, dict(zip(FIELDS, columns, strict=True)), stored_hash):",
        "if False:",
        (CHAIN + "test_a_changed_column_is_named_at_its_event",),
    ),
    Fault(
        "amicopy/audit/chain_verification.py",
        "if prev_hash != place_hash:",
        "if False:",
        (CHAIN + "test_a_removed_event_is_named_by_its_neighbours",),
    ),
    Fault(
        "amicopy/audit/chain_verification.py",
        'return f"Event {head.id} in {name} is missing: the end of the history was cut off."',
        'return ""',
        (CHAIN + "test_a_cut_tail_leaves_a_good_chain_and_only_an_earlier_head_proves_it",),
    ),
    Fault(
        "amicopy/audit/chain_verification.py",
        'return f"Event {head.id} isn\'t the one in {name}: the history was written again."',
        'return ""',
        (CHAIN + "test_a_history_written_again_from_some_point_on_is_proved_by_an_earlier_head",),
    ),
    Fault(
        "amicopy/copies/operations/tokens.py",
        'record(f"{_kind(row)}.revoked", actor=actor, data=about(row))',
        "pass",
        ("tests/test_audited.py::test_every_function_that_writes_tells_it_or_says_why_not",),
        alone=True,
    ),
    Fault(
        "amicopy/audit/triggers.py",
        'if name in there and there[name] != f"CREATE TRIGGER {name} {body}":',
        "if False:",
        (APPEND_ONLY + "test_a_protection_that_does_something_else_is_found",),
    ),
    Fault(
        "amicopy/audit/verify_amicopy.py",
        "        if not fits(event):\n",
        "        if False:\n",
        (VERIFY + "test_a_forged_history_is_found",),
        alone=True,
    ),
    Fault(
        "amicopy/audit/verify_amicopy.py",
        "    if hashlib.sha256(canonical(content)).hexdigest() != hash_:\n",
        "    if False:\n",
        (VERIFY + "test_a_forged_request_is_found",),
        alone=True,
    ),
    Fault(
        "amicopy/audit/verify_amicopy.py",
        "        if fits is False:\n",
        "        if False:\n",
        (VERIFY + "test_a_forged_head_and_a_wrong_key_are_found",),
        alone=True,
    ),
)

FAULTS = (*AT_THE_DOOR, *SENT, *DECISIONS, *OUTSIDE, *HISTORY)
