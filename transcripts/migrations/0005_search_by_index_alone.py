"""The language stands among the indexed words: which sentences are found is known from the index, no text is read for it.

"<en>" can be no word: markup is none to PostgreSQL's parser.
"""

from django.db import migrations

FUNCTIONS = """
CREATE OR REPLACE FUNCTION transcript_search_vector(lang text, words text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    config regconfig;
BEGIN
    IF lang = '' THEN
        RETURN ''::pg_catalog.tsvector;
    END IF;
    config := CASE pg_catalog.split_part(lang, '-', 1)
        WHEN 'ar' THEN 'pg_catalog.arabic'::regconfig
        WHEN 'hy' THEN 'pg_catalog.armenian'::regconfig
        WHEN 'eu' THEN 'pg_catalog.basque'::regconfig
        WHEN 'ca' THEN 'pg_catalog.catalan'::regconfig
        WHEN 'da' THEN 'pg_catalog.danish'::regconfig
        WHEN 'nl' THEN 'pg_catalog.dutch'::regconfig
        WHEN 'en' THEN 'pg_catalog.english'::regconfig
        WHEN 'fi' THEN 'pg_catalog.finnish'::regconfig
        WHEN 'fr' THEN 'pg_catalog.french'::regconfig
        WHEN 'de' THEN 'pg_catalog.german'::regconfig
        WHEN 'el' THEN 'pg_catalog.greek'::regconfig
        WHEN 'hi' THEN 'pg_catalog.hindi'::regconfig
        WHEN 'hu' THEN 'pg_catalog.hungarian'::regconfig
        WHEN 'id' THEN 'pg_catalog.indonesian'::regconfig
        WHEN 'ga' THEN 'pg_catalog.irish'::regconfig
        WHEN 'it' THEN 'pg_catalog.italian'::regconfig
        WHEN 'lt' THEN 'pg_catalog.lithuanian'::regconfig
        WHEN 'ne' THEN 'pg_catalog.nepali'::regconfig
        WHEN 'nb' THEN 'pg_catalog.norwegian'::regconfig
        WHEN 'nn' THEN 'pg_catalog.norwegian'::regconfig
        WHEN 'no' THEN 'pg_catalog.norwegian'::regconfig
        WHEN 'pt' THEN 'pg_catalog.portuguese'::regconfig
        WHEN 'ro' THEN 'pg_catalog.romanian'::regconfig
        WHEN 'ru' THEN 'pg_catalog.russian'::regconfig
        WHEN 'sr' THEN 'pg_catalog.serbian'::regconfig
        WHEN 'es' THEN 'pg_catalog.spanish'::regconfig
        WHEN 'sv' THEN 'pg_catalog.swedish'::regconfig
        WHEN 'ta' THEN 'pg_catalog.tamil'::regconfig
        WHEN 'tr' THEN 'pg_catalog.turkish'::regconfig
        WHEN 'yi' THEN 'pg_catalog.yiddish'::regconfig
        ELSE 'pg_catalog.simple'::regconfig
    END;
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
REINDEX INDEX sentence_words;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('transcripts', '0004_search'),
    ]

    operations = [
        migrations.RunSQL(FUNCTIONS, "DROP FUNCTION transcript_search_query(text, text);"),
    ]
