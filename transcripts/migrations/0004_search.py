"""Words of sentences are found by an index over a function: no column holds them twice, and no sentence is read with them.

The language stands among the indexed words, so that which sentences are found is known from the index: "<en>" can be no
word, for markup is none to PostgreSQL's parser.
"""

from django.db import migrations, models

# Of PostgreSQL 14 and later; what has no configuration is compared without word forms. Immutable: an index needs that,
# and a language's configuration does not change with settings. Another assignment is another function and index.
CONFIGURATIONS = {
    "ar": "arabic",
    "hy": "armenian",
    "eu": "basque",
    "ca": "catalan",
    "da": "danish",
    "nl": "dutch",
    "en": "english",
    "fi": "finnish",
    "fr": "french",
    "de": "german",
    "el": "greek",
    "hi": "hindi",
    "hu": "hungarian",
    "id": "indonesian",
    "ga": "irish",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "nb": "norwegian",
    "nn": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "es": "spanish",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
CONFIG = "\n        ".join(
    [
        "CASE pg_catalog.split_part(lang, '-', 1)",
        *(f"WHEN '{lang}' THEN 'pg_catalog.{name}'::regconfig" for lang, name in CONFIGURATIONS.items()),
        "ELSE 'pg_catalog.simple'::regconfig END",
    ]
)
# The vector's function has the configuration inside: it is called for each sentence that is indexed.
FUNCTIONS = f"""
CREATE FUNCTION transcript_search_config(lang text) RETURNS regconfig
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT {CONFIG}
$$;
CREATE FUNCTION transcript_search_vector(lang text, words text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    config regconfig;
BEGIN
    IF lang = '' THEN
        RETURN ''::pg_catalog.tsvector;
    END IF;
    config := {CONFIG};
    RETURN pg_catalog.to_tsvector(config, words)
        OPERATOR(pg_catalog.||) pg_catalog.array_to_tsvector(ARRAY['<' OPERATOR(pg_catalog.||) lang OPERATOR(pg_catalog.||) '>']);
END
$$;
CREATE FUNCTION transcript_search_query(lang text, words text) RETURNS tsquery
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    found tsquery := pg_catalog.websearch_to_tsquery(transcript_search_config(lang), words);
BEGIN
    IF pg_catalog.numnode(found) = 0 THEN
        RETURN found;
    END IF;
    RETURN found && pg_catalog.quote_literal('<' || lang || '>')::tsquery;
END
$$;
"""
INDEX = """
CREATE INDEX sentence_words ON transcripts_sentence USING gin (transcript_search_vector(search_lang, text))
WHERE removed_at IS NULL;
"""
FILL = """
UPDATE transcripts_sentence SET search_lang = track.lang
FROM transcripts_track AS track WHERE track.id = transcripts_sentence.track_id;
"""
DROP = """
DROP INDEX sentence_words;
DROP FUNCTION transcript_search_query(text, text);
DROP FUNCTION transcript_search_vector(text, text);
DROP FUNCTION transcript_search_config(text);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('transcripts', '0003_part_consent'),
    ]

    operations = [
        migrations.AddField(
            model_name='sentence',
            name='search_lang',
            field=models.CharField(blank=True, default='', editable=False, help_text="The track's language, by which its words are found (transcripts/search.py). Empty: not at all.", max_length=16),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(FUNCTIONS + INDEX, DROP),
    ]
