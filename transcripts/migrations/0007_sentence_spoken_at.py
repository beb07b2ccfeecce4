from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('transcripts', '0006_encrypted_text'),
    ]

    operations = [
        migrations.AddField(
            model_name='sentence',
            name='spoken_at',
            field=models.DateTimeField(blank=True, editable=False, help_text='When its last sound came; empty: it is not known.', null=True),
        ),
    ]
