# shellcheck shell=bash
# From one version to another, and back only where that is asked for.

# The database as a version left it that knew nothing of the router yet.
age_database() {
    python3 - "$1" "$LIB_ROOT/appliance/vyos/src/tables.sql" <<'PYTHON'
import re, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
tables = re.findall(r"CREATE TABLE (\w+)", open(sys.argv[2]).read())
assert tables, "no tables found"
for table in tables:
    database.execute(f"DROP TABLE {table}")
assert database.execute("DELETE FROM schema_migrations WHERE room = 'vyos'").rowcount == 1
database.commit()
PYTHON
}

migrated() {
    python3 - "$1" <<'PYTHON'
import sqlite3, sys
database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
print(database.execute("SELECT count(*) FROM schema_migrations WHERE room = 'vyos'").fetchone()[0])
PYTHON
}

case_an_upgrade_keeps_settings_and_data_and_brings_the_database_up_to_date() {
    vyos a
    install_old a
    serve a
    local token database=$BED/persistence/panoptikon/panoptikon.db
    token=$(in_image a panoptikon setup-token)
    stop_serving a
    age_database "$database"
    expect "before" "$(migrated "$database")" 0
    in_image a sh -c 'echo PANOPTIKON_LOG_LEVEL=debug >>/etc/default/panoptikon'
    in_image a sh -c 'echo "log_level = \"warn\"" >/config/panoptikon/panoptikon.toml'
    local words
    words=$(install_new a 2>&1 </dev/null) || fail "$words"
    expect "state" "$(version_in a)" "installed 0.2.0"
    expect "conffile" "$(in_image a tail -n 1 /etc/default/panoptikon)" PANOPTIKON_LOG_LEVEL=debug
    serve a
    expect "token" "$(in_image a panoptikon setup-token)" "$token"
    expect_match "settings" "$(in_image a panoptikon check-config)" '*panoptikon.toml:1*'
    stop_serving a
    expect "after" "$(migrated "$database")" 1
    expect "kept" "$(in_image a ls $KEPT)" \
        $'current\npanoptikon_0.1.0_amd64.deb\npanoptikon_0.2.0_amd64.deb'
    expect_match "current" "$(in_image a cat $KEPT/current)" '*panoptikon_0.2.0_amd64.deb'
    expect "hooks" "$(in_image a grep -c '^# BEGIN panoptikon' $HOOK)" 1
}

case_what_root_restores_or_makes_belongs_to_the_service() {
    image a
    install_old a
    serve a
    in_image a panoptikon backup
    stop_serving a
    in_image a sh -c 'panoptikon restore /var/lib/panoptikon/backups/*.db'
    expect "restored" "$(facts a /var/lib/panoptikon/panoptikon.db)" '600 panoptikon:panoptikon'
    in_image a install -m 0600 /dev/null /var/lib/panoptikon/backups/by-root.db
    serve a
    expect "made" "$(facts a /var/lib/panoptikon/backups/by-root.db)" '600 panoptikon:panoptikon'
    stop_serving a
}

case_a_downgrade_is_refused_and_changes_nothing() {
    vyos a
    install_new a
    local before words
    before=$(listing a)
    words=$(refuses install_old a) || fail "$words"
    expect_match "words" "$words" '*version 0.2.0 is or was installed*Nothing was changed*restore FILE*'
    expect "files" "$(listing a)" "$before"
    expect "state" "$(version_in a)" "installed 0.2.0"
    in_image a dpkg --remove panoptikon
    words=$(refuses install_old a) || fail "after a removal: $words"
    in_image a dpkg --purge panoptikon
    install_old a || fail 'not even after a purge'
}

case_a_downgrade_works_for_the_one_who_says_so() {
    vyos a
    install_new a
    WITH=PANOPTIKON_ALLOW_DOWNGRADE=1 install_old a
    expect "state" "$(version_in a)" "installed 0.1.0"
    expect_match "current" "$(in_image a cat $KEPT/current)" '*panoptikon_0.1.0_amd64.deb'
}
